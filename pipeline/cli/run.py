"""The command `interestflow run`: the pipeline on this machine, with plain progress and a closing table."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from interestflow.pipeline.cli.options import (
    BeamOptions,
    BeamRunner,
    ConfigPath,
    DataFolder,
    Parameters,
    RunsFolder,
    Seed,
    change_beam,
    load_config,
    with_options,
)

if TYPE_CHECKING:  # `--help` imports this module and should stay fast
    from rich.console import Console

    from interestflow.pipeline.config import PipelineConfig
    from interestflow.pipeline.dag.local_runner import StepResult
    from interestflow.pipeline.folders import Folders

MARKS = {"done": "[green]✓[/]", "cached": "[cyan]=[/]", "failed": "[red]✗[/]"}
SUCCESS, REFUSED, FAILED = 0, 2, 1


@dataclass(frozen=True)
class RunOptions:
    """Arguments and options of the command."""

    config: ConfigPath
    data_folder: DataFolder = None
    runs_folder: RunsFolder = None
    seed: Seed = None
    parameter: Parameters = None
    beam_runner: BeamRunner = None
    beam_option: BeamOptions = None


@with_options(RunOptions)
def run(options: RunOptions) -> None:
    """Run the whole pipeline on this machine, from raw logs to a pushed model.

    Steps whose input, code and configuration have not changed are not run again.
    """
    config = load_config(options.config, options.data_folder, options.seed, options.parameter or ())
    config = change_beam(config, options.beam_runner, options.beam_option)
    raise typer.Exit(run_locally(config, options.runs_folder))


def run_locally(config: PipelineConfig, runs_folder: str | None = None) -> int:
    """Run a configuration and print its progress and its closing report.

    Args:
        config: the whole configuration.
        runs_folder: folder of all runs; None for the default.

    Returns:
        The exit code: 0 if the model was blessed and pushed, 2 if a gate refused it, 1 if a step failed.
    """
    from interestflow.pipeline.cli.library_logs import redirect_library_output
    from interestflow.pipeline.folders import Folders

    folders = Folders.local(config, runs_folder)
    log = Path(folders.logs) / f"{datetime.datetime.now():%Y-%m-%d-%H%M%S}.log"
    with redirect_library_output(log) as console:
        return _run(config, folders, log, console)


def _run(config: PipelineConfig, folders: Folders, log: Path, console: Console) -> int:
    console.print(f"[bold]{config.name}[/]: model {config.model.name}, everything kept under {folders.root}")
    start = time.monotonic()
    with console.status("loading libraries"):
        from interestflow.beam_runner.places import BeamRunnerError
        from interestflow.pipeline.dag.generated_logs import ensure_logs
        from interestflow.pipeline.dag.local_runner import StepFailedError, run
        from interestflow.pipeline.report.terminal import closing_report
        from interestflow.pipeline.training import progress

    generated = ensure_logs(config)
    if generated is not None:
        console.print(f"{MARKS['done']} generated log {generated}")

    status = console.status("")

    def show_start(name: str) -> None:
        status.update(f"{name} [dim](output in {log.name})[/]")
        status.start()

    def show_end(result: StepResult) -> None:
        status.stop()
        note = "unchanged, served from cache" if result.outcome == "cached" else f"{result.seconds:6.1f} s"
        console.print(f"{MARKS[result.outcome]} {result.name:<18} {note}", highlight=False)

    try:
        with progress.show_training_on(console):
            results = run(config, folders, show_start, show_end)
    except StepFailedError as error:
        console.print(f"[bold red]{error.step} failed:[/] {error.reason}", highlight=False, soft_wrap=True)
        console.print(f"More in {log}", highlight=False, soft_wrap=True)
        return FAILED
    except BeamRunnerError as error:
        console.print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        return FAILED
    finally:
        status.stop()

    report = closing_report(config, folders, results)
    console.print(report.table)
    cached = sum(result.outcome == "cached" for result in results.values())
    if cached:
        console.print(f"{cached} of {len(results)} steps were unchanged and served from cache")
    console.print(f"{time.monotonic() - start:.0f} s in all; the output of the libraries is in {log}", soft_wrap=True)
    return SUCCESS if report.is_blessed else REFUSED
