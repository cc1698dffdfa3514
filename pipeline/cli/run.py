"""`interestflow run`: the pipeline on this machine, with plain progress and a closing table."""

from __future__ import annotations

import datetime
import time
from pathlib import Path

from rich.console import Console

from interestflow.pipeline.cli.library_logs import libraries_to_log
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.folders import Folders

MARKS = {"done": "[green]✓[/]", "cached": "[cyan]=[/]", "failed": "[red]✗[/]"}
SUCCESS, REFUSED, FAILED = 0, 2, 1


def run_locally(config: PipelineConfig, runs_folder: str | None = None) -> int:
    """Runs `config` and prints what happens.

    Returns:
        The exit code: 0 where the model was blessed and pushed, 2 where the gate refused it, 1 where a step failed.
    """
    folders = Folders.local(config, runs_folder)
    log = Path(folders.logs) / f"{datetime.datetime.now():%Y-%m-%d-%H%M%S}.log"
    with libraries_to_log(log) as console:
        return _run(config, folders, log, console)


def _run(config: PipelineConfig, folders: Folders, log: Path, console: Console) -> int:
    console.print(f"[bold]{config.name}[/]: model {config.model.name}, everything kept under {folders.root}")
    began = time.monotonic()
    with console.status("loading libraries"):
        from interestflow.pipeline.dag.generated_logs import ensure_logs
        from interestflow.pipeline.dag.local_runner import StepFailedError, StepResult, run
        from interestflow.pipeline.report.terminal import closing_report
        from interestflow.pipeline.training import progress

    made = ensure_logs(config)
    if made is not None:
        console.print(f"{MARKS['done']} generated log {made}")

    status = console.status("")
    steps: dict[str, StepResult] = {}

    def started(name: str) -> None:
        status.update(f"{name} (running for [dim]see {log.name}[/])")
        status.start()

    def finished(result: StepResult) -> None:
        status.stop()
        steps[result.name] = result
        note = "unchanged, served from cache" if result.outcome == "cached" else f"{result.seconds:6.1f} s"
        console.print(f"{MARKS[result.outcome]} {result.name:<18} {note}", highlight=False)

    try:
        with progress.shown_on(console):
            results = run(config, folders, started, finished)
    except StepFailedError as error:
        console.print(f"[bold red]{error.step} failed:[/] {error.reason}", highlight=False, soft_wrap=True)
        console.print(f"More in {log}", highlight=False, soft_wrap=True)
        return FAILED
    finally:
        status.stop()

    report = closing_report(config, folders, results)
    console.print(report.table)
    cached = sum(result.outcome == "cached" for result in results.values())
    if cached:
        console.print(f"{cached} of {len(results)} steps were unchanged and served from cache")
    console.print(f"{time.monotonic() - began:.0f} s in all; what the libraries said is in {log}", soft_wrap=True)
    return SUCCESS if report.is_blessed else REFUSED
