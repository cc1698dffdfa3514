"""`interestflow render-kubeflow` writes folders that kubectl builds, for the configuration's names."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from interestflow.pipeline.cli.main import app
from tests.paths import PROJECT

KUBEFLOW = """
deployment: {volume_claim: models, namespace: team}
kubeflow:
  image: ghcr.io/me/interestflow:1.0
  pipeline_root: s3://store/interestflow
  namespace: team
  service_account: runner
  volumes:
    - {claim: interestflow-logs, mount_path: /data}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text((PROJECT / "configs" / "demo.yaml").read_text() + KUBEFLOW)
    return path


def test_the_folders_of_a_configuration(config: Path, tmp_path: Path) -> None:
    output = tmp_path / "deploy"
    rendered = CliRunner().invoke(app, ["render-kubeflow", str(config), "--output", str(output)])
    assert rendered.exit_code == 0, rendered.output
    files = {str(path) for path in output.rglob("*") if path.is_file()}
    assert {line.removeprefix("wrote ") for line in rendered.output.splitlines()} == files
    assert (output / "schedule" / "pipeline.yaml").read_text() == config.read_text()
    claims = yaml.safe_load_all((output / "base" / "volume-claims.yaml").read_text())
    assert [claim["metadata"]["name"] for claim in claims] == ["interestflow-logs", "models"]
    serving = tmp_path / "serving"
    assert CliRunner().invoke(app, ["render-serving", str(config), "-o", str(serving), "--unchecked"]).exit_code == 0
    assert (output / "serving" / "kubernetes.yaml").read_text() == (serving / "kubernetes.yaml").read_text()


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl, which builds them, is not installed")
def test_kubectl_builds_them(config: Path, tmp_path: Path) -> None:
    output = tmp_path / "deploy"
    assert CliRunner().invoke(app, ["render-kubeflow", str(config), "-o", str(output)]).exit_code == 0
    (output / "store" / "store.env").write_text("accesskey=a\nsecretkey=b\n")
    for folder in ("base", "store", "schedule", "serving", "overlays/multi-user"):
        built = subprocess.run(
            ["kubectl", "kustomize", str(output / folder)], capture_output=True, text=True, check=True, timeout=60
        )
        items = list(yaml.safe_load_all(built.stdout))
        assert {item["metadata"].get("namespace", item["metadata"]["name"]) for item in items} == {"team"}
        subjects = [subject for item in items for subject in item.get("subjects", ())]
        assert {(subject["name"], subject["namespace"]) for subject in subjects} <= {("runner", "team")}
    built = subprocess.run(
        ["kubectl", "kustomize", str(output / "schedule")], capture_output=True, text=True, check=True, timeout=60
    )
    assert "image: ghcr.io/me/interestflow:1.0\n" in built.stdout


def test_a_folder_that_cannot_be_written(config: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    rendered = CliRunner().invoke(app, ["render-kubeflow", str(config), "-o", str(tmp_path / "file")])
    assert rendered.exit_code == 1
    assert rendered.stderr == f"error: {tmp_path / 'file' / 'README.md'} cannot be written: File exists\n"


def test_a_name_that_kubernetes_does_not_allow(config: Path, tmp_path: Path) -> None:
    config.write_text(config.read_text().replace("name: demo\n", "name: " + "a" * 56 + "\n", 1))
    rendered = CliRunner().invoke(app, ["render-kubeflow", str(config), "-o", str(tmp_path / "deploy")])
    assert rendered.exit_code == 1
    assert rendered.stderr.startswith("error: `name` should have at most 55 characters and end in a letter or digit")
    assert not (tmp_path / "deploy").exists()
