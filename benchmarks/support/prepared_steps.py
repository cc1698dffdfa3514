"""Steps of a pipeline up to the data that a benchmark of quality trains on."""

from __future__ import annotations

from pathlib import Path

from interestflow.pipeline.cli.library_logs import redirect_library_output
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.generated_logs import ensure_logs
from interestflow.pipeline.dag.local_runner import StepResult, run
from interestflow.pipeline.folders import Folders


def run_steps_until(name: str, config: PipelineConfig, runs_folder: str | None) -> dict[str, StepResult]:
    """Run the step `name` and those that it needs, unless they are cached, and return their results."""
    folders = Folders.local(config, runs_folder)
    ensure_logs(config)
    with redirect_library_output(Path(folders.logs) / "prepare.log"):
        return run(config, folders, until=name)
