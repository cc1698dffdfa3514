"""`interestflow compile` writes the same bytes everywhere, without a network, or says why it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from interestflow.pipeline.cli.main import app
from tests.paths import PROJECT

pytestmark = pytest.mark.end_to_end

# Python runs a module of this name before anything else.
NO_NETWORK = """
import os, socket

def refuse(*arguments, **options):
    with open(os.environ["CONNECTIONS"], "a") as file:
        file.write(f"{arguments[-1]!r}\\n")
    raise OSError("this test has no network")

socket.socket.connect = socket.socket.connect_ex = refuse
socket.create_connection = socket.getaddrinfo = socket.gethostbyname = refuse
"""
IN_A_BUCKET = """
name: shop
data:
  folder: gs://shop-logs/clicks
  events: {path: "events-*.parquet", format: parquet, user: user, item: item, timestamp: timestamp}
tasks:
  - {name: click, label: {column: click}}
model: {name: din}
kubeflow: {volumes: [{claim: scratch, mount_path: /scratch}]}
"""
DEMO = str(PROJECT / "configs" / "demo-kubeflow.yaml")
OPTIONS = ["--image", "ghcr.io/shop/interestflow:1", "--pipeline-root", "gs://shop-models/root"]


def compile_without_network(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, where connecting to anything is recorded and fails."""
    (folder / "modules").mkdir()
    (folder / "modules" / "sitecustomize.py").write_text(NO_NETWORK)
    (folder / "connections").touch()
    path = os.pathsep.join([str(folder / "modules"), str(PROJECT / "src"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "CONNECTIONS": str(folder / "connections")}
    command = [sys.executable, "-m", "interestflow", "compile", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def refusals(*arguments: str) -> list[str]:
    """Return the lines with which the command refuses its arguments."""
    refused = CliRunner().invoke(app, ["compile", *arguments])
    assert refused.exit_code == 1, refused.output
    return refused.output.removeprefix("error: ").splitlines()


def test_the_specification_is_the_same_everywhere_and_needs_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / "here", tmp_path / "elsewhere" / "deeper"]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "shop.yaml").write_text(IN_A_BUCKET)
    arguments = ["shop.yaml", "-o", "out/shop-pipeline.yaml", *OPTIONS]
    compiled = compile_without_network(folders[0], *arguments)
    assert compiled.returncode == 0, compiled.stderr
    assert compiled.stdout == "wrote out/shop-pipeline.yaml\n"
    assert (folders[0] / "connections").read_text() == ""

    monkeypatch.chdir(folders[1])
    assert CliRunner().invoke(app, ["compile", *arguments]).exit_code == 0
    texts = [(folder / "out" / "shop-pipeline.yaml").read_text() for folder in folders]
    assert texts[0] == texts[1]
    assert str(tmp_path) not in texts[0]
    assert len(list(yaml.safe_load_all(texts[0]))) == 2


@pytest.mark.parametrize("name", ["demo-kubeflow", "matcher-kubeflow"])
def test_the_demos_lack_image_and_root_alone(name: str, tmp_path: Path) -> None:
    config, output = PROJECT / "configs" / f"{name}.yaml", tmp_path / "pipeline.yaml"
    line = 1 + config.read_text().splitlines().index("kubeflow:")
    assert refusals(str(config), "-o", str(output)) == [
        "`kubeflow.image` should be the image of the steps, such as ghcr.io/shop/interestflow:1.0; it is missing, "
        f"here and as `--image` ({config}, line {line})",
        "`kubeflow.pipeline_root` should be a URL for the artifacts, such as gs://shop-models/interestflow; it is "
        f"missing, here and as `--pipeline-root` ({config}, line {line})",
    ]
    assert not output.exists()


def test_options_are_checked_as_the_values_that_they_replace(tmp_path: Path) -> None:
    options = ["--image", "interestflow:latest", "--gpu-image", "example.com/a", "--pipeline-root", "file:///a",
               "--data-folder", "/logs"]  # fmt: skip
    refused = refusals(DEMO, "-o", str(tmp_path / "p.yaml"), *options)
    assert [line.split("`")[1] for line in refused] == ["--image", "--gpu-image", "--pipeline-root", "--data-folder"]


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    (as_json,) = refusals(DEMO, "-o", str(tmp_path / "p.json"), *OPTIONS)
    assert as_json.startswith("`--output` should end in .yaml, since volumes, ")
    (tmp_path / "file").touch()
    (unwritable,) = refusals(DEMO, "-o", str(tmp_path / "file" / "p.yaml"), *OPTIONS)
    assert unwritable == f"`--output` {tmp_path}/file/p.yaml cannot be written: File exists"
