"""`interestflow evaluate` on folders as a run leaves them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tests.pipeline.support.exported_rankers as small
from interestflow import storage
from interestflow.pipeline.cli.evaluate import NothingToEvaluateError, evaluate_locally
from interestflow.pipeline.storage_config import StorageConfig
from tests.object_stores import ObjectStore

CONFIG = small.config(evaluation={"slices": ["user"]})


def end_a_run(runs: Path, examples: Path) -> Path:
    """Write the report of a run, and return the folder to which it pushes models."""
    folder = runs / CONFIG.name
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps({"examples": str(examples)}))
    return folder / "serving" / CONFIG.name


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write_examples(small.make_rows(150), tmp_path_factory.mktemp("examples"))


def test_the_newest_pushed_model_is_evaluated_and_shown(examples: Path, tmp_path: Path) -> None:
    serving = end_a_run(tmp_path / "runs", examples)
    small.export_model(serving / "8", slope=-0.3)
    small.export_model(serving / "9", name="din")
    (tmp_path / "small.yaml").write_text(json.dumps(small.CONFIG | {"evaluation": {"slices": ["user"]}}))
    called = subprocess.run(
        [sys.executable, "-m", "interestflow", "evaluate", str(tmp_path / "small.yaml"),
         "--runs-folder", str(tmp_path / "runs")],
        capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[3], env=os.environ | {"COLUMNS": "140"},
    )  # fmt: skip
    assert called.returncode == 0, called.stdout + called.stderr
    assert called.stderr == ""
    assert f"evaluating {serving / '9'}" in called.stdout
    for word in ("click", "like", "din", "AUC", "GAUC", "log loss", "ECE", "best possible", "user known", "user new"):
        assert word in called.stdout


def test_a_model_pushed_to_an_object_store_is_evaluated_as_on_disk(
    examples: Path, tmp_path: Path, s3: ObjectStore, capfd: pytest.CaptureFixture[str]
) -> None:
    end_a_run(tmp_path, examples)
    local = tmp_path / "models" / CONFIG.name
    small.export_model(local / "9", name="din")
    storage.upload_folder(str(local), f"{s3.url}/models/{CONFIG.name}")
    shown = []
    for serving_folder in (str(tmp_path / "models"), f"{s3.url}/models"):
        config = CONFIG.model_copy(update={"storage": StorageConfig(serving_folder=serving_folder)})
        evaluate_locally(config, str(tmp_path))
        shown.append(capfd.readouterr().out.replace(serving_folder, "FOLDER"))
    assert f"evaluating FOLDER/{CONFIG.name}/9" in shown[0]
    assert shown[0] == shown[1]
    missing = CONFIG.model_copy(update={"storage": StorageConfig(serving_folder="s3://missing")})
    reason = f"^the pushed models in s3://missing/{CONFIG.name} cannot be listed: .*there is no bucket missing"
    with pytest.raises(NothingToEvaluateError, match=reason):
        evaluate_locally(missing, str(tmp_path))
    with pytest.raises(NothingToEvaluateError, match=r"^s3://missing/9 cannot be read: there is no bucket missing"):
        evaluate_locally(CONFIG, str(tmp_path), model="s3://missing/9")


def test_without_a_run_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NothingToEvaluateError, match=f"no run of small has ended under {tmp_path}/small yet"):
        evaluate_locally(CONFIG, str(tmp_path))
    assert list(tmp_path.iterdir()) == []  # nothing is left behind where there was nothing


def test_without_a_pushed_model_there_is_one_sentence(examples: Path, tmp_path: Path) -> None:
    serving = end_a_run(tmp_path, examples)
    with pytest.raises(NothingToEvaluateError, match=f"no model of small has been pushed to {serving} yet"):
        evaluate_locally(CONFIG, str(tmp_path))


def test_what_is_wrong_with_a_named_model_or_the_examples_is_said(examples: Path, tmp_path: Path) -> None:
    end_a_run(tmp_path, examples)
    with pytest.raises(NothingToEvaluateError, match=r"nothing should hold saved_model\.pb"):
        evaluate_locally(CONFIG, str(tmp_path), model=str(tmp_path / "nothing"))
    end_a_run(tmp_path / "removed", tmp_path / "no examples")
    with pytest.raises(NothingToEvaluateError, match="no file of test examples matches"):
        evaluate_locally(CONFIG, str(tmp_path / "removed"), model="any")
