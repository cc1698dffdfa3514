"""The build of the container image, and the files that it reads."""

import re
import subprocess
import sys
import tomllib

import pytest

from tests.paths import PROJECT
from tests.tools.engine import Engine
from tools.build_image import ImageError, build_command, build_image, find_engine, image_size, main

DOCKERFILE = (PROJECT / "Dockerfile").read_text()
VERSION = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
HEAD = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True).stdout.strip()


def test_an_engine_is_found_if_its_service_answers(engine: Engine) -> None:
    assert find_engine() is None
    engine.answer("info) exit 1;;")
    assert find_engine() is None
    engine.answer("", "podman")
    assert find_engine() == "podman"
    engine.answer("")
    assert find_engine() == "docker"


def test_the_image_is_built_with_its_variant_and_revision(engine: Engine, monkeypatch, capfd) -> None:
    monkeypatch.delenv("DOCKER_BUILDKIT", raising=False)
    monkeypatch.delenv("BASE", raising=False)
    engine.answer("image*) echo 2617627352;;")
    assert build_image("docker", "gpu", "shop:gpu") == 2617627352
    revision = f" --build-arg=REVISION={HEAD}" if HEAD else ""
    assert engine.calls("build") == [f" build --build-arg=VARIANT=gpu --tag=shop:gpu{revision} {PROJECT}"]
    assert re.fullmatch(r"shop:gpu: 2\.62 GB, built by docker in \d+ s\n", capfd.readouterr().out)


def test_a_daemon_without_bridge_or_buildkit_is_asked_for_neither(engine: Engine, monkeypatch) -> None:
    monkeypatch.delenv("DOCKER_BUILDKIT", raising=False)
    engine.answer("network*|buildx*) exit 1;;\nimage*) echo 1;;")
    build_image("docker", "cpu", "shop:cpu")
    (call,) = engine.calls("build")
    assert call.startswith("0 build ")
    assert "--network=host" in call.split()


def test_the_base_comes_from_the_environment(engine: Engine, monkeypatch) -> None:
    engine.answer("")
    monkeypatch.setenv("BASE", "mirror.example/debian:trixie-slim")
    assert "--build-arg=BASE=mirror.example/debian:trixie-slim" in build_command("docker", "cpu", "shop:cpu")


def test_failures_are_one_sentence(engine: Engine, monkeypatch, capsys) -> None:
    engine.answer("build*) exit 3;;\nimage*) echo first >&2; echo no such image >&2; exit 1;;")
    with pytest.raises(ImageError, match="docker could not build the image; the reason is above"):
        build_image("docker", "cpu", "shop:cpu")
    with pytest.raises(ImageError, match=r"`docker image inspect .*` ended with exit code 1: no such image"):
        image_size("docker", "shop:cpu")
    engine.answer("info) exit 1;;")
    monkeypatch.setattr(sys, "argv", ["build_image", "cpu"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == "error: a container engine is needed and none answers: docker or podman"


def test_the_version_of_the_image_is_the_projects() -> None:

    assert f"\nARG VERSION={VERSION}\n" in DOCKERFILE


def test_any_builder_can_read_the_dockerfile() -> None:
    assert not re.search(r"^# *syntax=|--mount=|<<|^\w+ .*--(link|chmod|exclude)\b", DOCKERFILE, flags=re.MULTILINE)


def test_the_image_runs_as_a_user_and_is_built_from_the_pins() -> None:
    instructions = re.findall(r"^(FROM|USER|ENTRYPOINT|ARG) (.*)$", DOCKERFILE, flags=re.MULTILINE)
    assert instructions == [
        ("ARG", "BASE=debian:trixie-slim"),
        ("FROM", "${BASE} AS dependencies"),
        ("ARG", "VARIANT=cpu"),
        ("FROM", "dependencies AS project"),
        ("FROM", "${BASE}"),
        ("USER", "1000:1000"),
        ("ENTRYPOINT", '["interestflow"]'),
        ("ARG", f"VERSION={VERSION}"),
        ("ARG", "REVISION=unknown"),
    ]
    assert DOCKERFILE.count("--require-hashes") == 2


def test_every_part_of_the_package_is_sent_to_the_builder() -> None:
    lines = set((PROJECT / ".dockerignore").read_text().splitlines())
    parts = {path.name for path in (PROJECT / "src" / "interestflow").iterdir() if path.is_symlink()}
    assert {f"!{name}" for name in (*parts, "src", "pyproject.toml", "README.md", "LICENSE", "NOTICE")} <= lines
    assert "*" in lines
