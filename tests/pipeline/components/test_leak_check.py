"""Examples that agree with their log pass the leak check; others stop the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from interestflow.pipeline.artifacts import types as artifacts
from interestflow.pipeline.components.leak_check import LeakCheck
from interestflow.transforms.leakage.check import LeakError
from tests.pipeline.components.conftest import Ingested, write_log
from tests.pipeline.components.step_execution import execute, make_artifact


def test_what_was_checked_is_written(ingested: Ingested, tmp_path: Path) -> None:
    report = make_artifact(tmp_path / "report", artifacts.LeakReportArtifact)
    config = ingested.config.model_dump_json()
    execute(LeakCheck, {"examples": ingested.examples}, {"report": report}, config=config)
    assert json.loads(Path(report.uri, "leak_check.json").read_text())


def test_examples_of_another_log_stop_the_run(ingested: Ingested, tmp_path: Path) -> None:
    report = make_artifact(tmp_path / "report", artifacts.LeakReportArtifact)
    other = write_log(tmp_path / "log", seed=2).model_dump_json()
    with pytest.raises(LeakError):
        execute(LeakCheck, {"examples": ingested.examples}, {"report": report}, config=other)
    assert list(Path(report.uri).iterdir()) == []
