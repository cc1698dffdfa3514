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
    - {claim: models, mount_path: /pushed}
storage: {serving_folder: /pushed}
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


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("volume_claim: models", "volume_claim: models", None),
        (
            "volume_claim: models",
            "volume_claim: other",
            "to do: TensorFlow Serving reads demo in the volume claim other (`deployment.model_path`, "
            "`deployment.volume_claim`), and models are pushed to /pushed/demo (`storage.serving_folder`)",
        ),
        (
            "storage: {serving_folder: /pushed}",
            "",
            "to do: TensorFlow Serving reads demo in the volume claim models (`deployment.model_path`, "
            "`deployment.volume_claim`), and models are pushed to s3://store/interestflow/demo/serving/demo "
            "(`storage.serving_folder`)",
        ),
        (
            "volume_claim: models",
            "volume_claim: null, model_path: 'gs://other'",
            "to do: TensorFlow Serving reads gs://other/demo (`deployment.model_path`, `deployment.volume_claim`), and "
            "models are pushed to /pushed/demo (`storage.serving_folder`)",
        ),
    ],
)
def test_models_that_would_not_be_served_are_said(
    old: str, new: str, note: str | None, config: Path, tmp_path: Path
) -> None:
    config.write_text(config.read_text().replace(old, new))
    rendered = CliRunner().invoke(app, ["render-kubeflow", str(config), "-o", str(tmp_path / "deploy")])
    assert rendered.exit_code == 0, rendered.output
    assert [line for line in rendered.output.splitlines() if not line.startswith("wrote ")] == [note] * (
        note is not None
    )


def test_models_in_one_bucket_are_served(config: Path, tmp_path: Path) -> None:
    text = config.read_text().replace("serving_folder: /pushed", "serving_folder: 'gs://store/models'")
    config.write_text(text.replace("volume_claim: models", "volume_claim: null, model_path: 'gs://store/models'"))
    rendered = CliRunner().invoke(app, ["render-kubeflow", str(config), "-o", str(tmp_path / "deploy")])
    assert rendered.exit_code == 0, rendered.output
    assert "to do" not in rendered.output


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


@pytest.mark.parametrize("name", ["demo-kubeflow", "matcher-kubeflow"])
def test_the_configurations_for_kubeflow_are_served_what_they_push(name: str, tmp_path: Path) -> None:
    path = PROJECT / "configs" / f"{name}.yaml"
    rendered = CliRunner().invoke(app, ["render-kubeflow", str(path), "-o", str(tmp_path / "deploy")])
    assert rendered.exit_code == 0, rendered.output
    assert "to do" not in rendered.output


def test_without_a_root(tmp_path: Path) -> None:
    rendered = CliRunner().invoke(
        app, ["render-kubeflow", str(PROJECT / "configs" / "demo.yaml"), "-o", str(tmp_path / "deploy")]
    )
    assert rendered.exit_code == 0, rendered.output
    assert rendered.output.splitlines()[-1].endswith(
        "models are pushed to a folder below `kubeflow.pipeline_root` (`storage.serving_folder`)"
    )
