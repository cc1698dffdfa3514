"""The steps of a configuration's pipeline up to what a benchmark of quality trains on."""

from __future__ import annotations

from pathlib import Path

from interestflow.pipeline.cli.library_logs import redirect_library_output
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.generated_logs import ensure_logs
from interestflow.pipeline.dag.local_runner import StepResult, run
from interestflow.pipeline.folders import Folders


def steps_until(name: str, config: PipelineConfig, runs_folder: str | None) -> dict[str, StepResult]:
    """The results of the step `name` and of those that it needs, which are made where they have changed."""
    folders = Folders.local(config, runs_folder)
    ensure_logs(config)
    with redirect_library_output(Path(folders.logs) / "prepare.log"):
        return run(config, folders, until=name)
