"""The check of the container image, with a program in place of the engine."""

import json

import pytest

from tests.tools.engine import Engine
from tools import check_image
from tools.build_image import ImageError
from tools.check_image import check_contents, check_metrics, check_size, run_command, run_demo

METRICS = {"din": {"auc": 0.8282993301245002, "ece": 0.02}, "pooled": {"auc": 0.76, "ece": 0.03}}


def test_without_an_engine_the_check_is_left_out(engine: Engine, capsys) -> None:
    check_image.main()
    expected = "container image: not checked, because no container engine answers (docker or podman)\n"
    assert capsys.readouterr().out == expected


def test_a_failed_build_ends_the_check(engine: Engine) -> None:
    engine.answer("build*) exit 1;;")
    with pytest.raises(SystemExit) as ended:
        check_image.main()
    assert ended.value.code == "error: docker could not build the image; the reason is above"


def test_the_container_has_no_network_and_no_privileges() -> None:
    assert run_command("docker", "run", "configs/demo.yaml") == [
        "docker", "run", "--rm", "--network=none", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only",
        "--tmpfs=/tmp", "--volume=interestflow-check:/home/interestflow/runs", "interestflow:check",
        "run", "configs/demo.yaml",
    ]  # fmt: skip


def test_the_size_has_a_limit() -> None:
    check_size(2_900_000_000)
    with pytest.raises(ImageError, match=r"the image should have at most 2\.9 GB, has 3\.38 GB"):
        check_size(3_380_000_000)


def test_an_image_that_runs_as_root_or_has_build_tools_is_refused(engine: Engine) -> None:
    engine.answer("*entrypoint=id*) echo 0;;")
    with pytest.raises(ImageError, match="the image should run as user 1000, runs as 0"):
        check_contents("docker")
    engine.answer("*entrypoint=id*) echo 1000;;\n*entrypoint=sh*) echo /usr/bin/cc; echo /usr/bin/gcc;;")
    with pytest.raises(ImageError, match="the image should have no build tools, has /usr/bin/cc, /usr/bin/gcc"):
        check_contents("docker")
    engine.answer("*entrypoint=id*) echo 1000;;")
    check_contents("docker")


def test_the_report_is_read_from_the_volume(engine: Engine, capfd) -> None:
    engine.answer(f"*entrypoint=cat*report.json) echo '{json.dumps({'metrics': METRICS})}';;")
    assert run_demo("docker") == {"metrics": METRICS}
    assert "the demo took 0 s in the container, its start included\n" in capfd.readouterr().out
    engine.answer("*configs/demo.yaml) exit 2;;")
    with pytest.raises(ImageError, match="the demo should end with exit code 0 in the container, ended with 2"):
        run_demo("docker")


def test_metrics_must_be_equal_in_every_digit(capsys) -> None:
    check_metrics({"metrics": METRICS}, {"metrics": METRICS})
    assert capsys.readouterr().out == "metrics of din, pooled equal those outside the container in every digit\n"
    other = {**METRICS, "din": {"auc": 0.8282993301245003, "ece": 0.02}}
    expected = "are din auc 0.8282993301245003 instead of 0.8282993301245002$"
    with pytest.raises(ImageError, match=expected):
        check_metrics({"metrics": other}, {"metrics": METRICS})
    with pytest.raises(ImageError, match=r"pooled auc None instead of 0\.76; pooled ece None instead of 0\.03"):
        check_metrics({"metrics": {"din": METRICS["din"]}}, {"metrics": METRICS})
