"""`interestflow run` prints each step with its outcome or failure reason, and returns an exit code for the result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from interestflow.pipeline.cli.run import FAILED, REFUSED, SUCCESS, run_locally
from interestflow.pipeline.config import PipelineConfig, load
from interestflow.pipeline.dag import local_runner
from interestflow.pipeline.dag.local_runner import StepFailedError, StepResult
from interestflow.pipeline.report import terminal
from interestflow.pipeline.report.terminal import Report

CONFIG = """
name: shop
data: {events: {path: events.csv, format: csv, user: user, item: item, timestamp: time}}
tasks: [{name: click, label: {column: click}}]
model: {name: pooled}
"""
RESULTS = [StepResult("LogExampleGen", "cached", 0.1, {}), StepResult("Trainer", "done", 12.34, {})]


@pytest.fixture
def config(tmp_path: Path) -> PipelineConfig:
    (tmp_path / "shop.yaml").write_text(CONFIG)
    return load(tmp_path / "shop.yaml")


def replace_run(
    monkeypatch: pytest.MonkeyPatch, is_blessed: bool = True, failure: StepFailedError | None = None
) -> None:
    """Let a run have the `RESULTS`, and end with a failure or with a report."""

    def run(
        config: Any, folders: Any, started: Callable[[str], None], finished: Callable[[StepResult], None]
    ) -> dict[str, StepResult]:
        for result in RESULTS:
            started(result.name)
            finished(result)
        if failure is not None:
            raise failure
        return {result.name: result for result in RESULTS}

    monkeypatch.setattr(local_runner, "run", run)
    monkeypatch.setattr(terminal, "closing_report", lambda *_: Report(Text("the closing table"), is_blessed))


def test_each_step_is_shown_with_its_outcome(
    config: PipelineConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    replace_run(monkeypatch)
    assert run_locally(config, str(tmp_path / "runs")) == SUCCESS
    shown = [" ".join(line.split()) for line in capfd.readouterr().out.splitlines()]
    assert "= LogExampleGen unchanged, served from cache" in shown
    assert "✓ Trainer 12.3 s" in shown
    assert "the closing table" in shown
    assert "1 of 2 steps were unchanged and served from cache" in shown


def test_a_refused_model_has_an_exit_code_of_its_own(
    config: PipelineConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_run(monkeypatch, is_blessed=False)
    assert run_locally(config, str(tmp_path / "runs")) == REFUSED


def test_a_step_that_fails_ends_the_run_with_its_reason(
    config: PipelineConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    replace_run(monkeypatch, failure=StepFailedError("Transform", "no vocabulary"))
    assert run_locally(config, str(tmp_path / "runs")) == FAILED
    shown = capfd.readouterr().out
    assert "Transform failed: no vocabulary" in shown
    assert "the closing table" not in shown
    (log,) = (tmp_path / "runs" / "shop" / "logs").iterdir()
    assert f"More in {log}" in shown.replace("\n", "")
