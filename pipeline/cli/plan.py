"""The command `interestflow plan`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interestflow.pipeline.cli.options import ConfigPath, DataFolder, RunsFolder, fail, load_config

if TYPE_CHECKING:  # `--help` imports this module and should stay fast
    from rich.console import Console

    from interestflow.pipeline.config import PipelineConfig
    from interestflow.pipeline.plan.log_size import LogSize


@dataclass(frozen=True)
class PlanOptions:
    """Arguments and options of the command."""

    config: ConfigPath
    data_folder: DataFolder = None
    runs_folder: RunsFolder = None
    events: Annotated[
        int | None, typer.Option(min=1, help="Events to plan for, instead of those of the log; users grow with them.")
    ] = None
    items: Annotated[int | None, typer.Option(min=1, help="Items to plan for, instead of those of the log.")] = None
    users: Annotated[int | None, typer.Option(min=1, help="Users to plan for, instead of those of the log.")] = None
    history: Annotated[
        float | None, typer.Option(min=0.0, help="Mean number of behaviours of an example, instead of the log's.")
    ] = None
    formulas: Annotated[bool, typer.Option("--formulas", help="Print the formulas of every step too.")] = False
    coefficients: Annotated[
        Path | None,
        typer.Option(help="File of coefficients that benchmarks/scale.py --fit wrote, instead of the package's own."),
    ] = None


def plan(options: PlanOptions) -> None:
    """Estimate the time, memory, disk and traffic of each step of a run, and show which limit comes first.

    Reads the configuration, the sizes of the log's files and a sample of its rows, and runs nothing. Exit code 1 if a
    limit is exceeded.
    """
    # Before the imports below, so that a typo is reported at once.
    config = load_config(options.config, options.data_folder, parameters=())

    from interestflow.pipeline.cli.library_logs import redirect_library_output

    with redirect_library_output(Path(os.devnull)) as console:
        fits = _plan(config, options, console)
    if isinstance(fits, str):
        fail(fits)
    raise typer.Exit(0 if fits else 1)


def _plan(config: PipelineConfig, options: PlanOptions, console: Console) -> bool | str:
    """Print the plan, and return whether it fits, or the reason why there is none."""
    from interestflow.pipeline.folders import Folders
    from interestflow.pipeline.plan.coefficients import CoefficientsError, load_coefficients
    from interestflow.pipeline.plan.generated import with_generated_sample
    from interestflow.pipeline.plan.plan import make_plan
    from interestflow.pipeline.plan.terminal import formula_table, render
    from interestflow.transforms.reading.files import TableError

    try:
        coefficients = load_coefficients(options.coefficients)
        size = with_sizes(with_generated_sample(config), options, config.sequence.max_length)
    except (CoefficientsError, TableError) as error:
        return str(error)
    result = make_plan(config, size, coefficients, Folders.local(config, options.runs_folder))
    if options.formulas:
        console.print(formula_table(coefficients))
        console.print()
    console.print(render(result, coefficients), soft_wrap=True)
    return result.fits


def with_sizes(size: LogSize, options: PlanOptions, max_length: int) -> LogSize:
    """Return the size of the log with those that the options set; a longer log has more users, and larger files."""
    if options.events is not None:
        factor = options.events / size.events
        size = size.assuming(
            f"a log of {options.events:,} events is taken to be {factor:,.3g} times this one: as many times the users, "
            "with the same histories and items",
            events=float(options.events), users=size.users * factor, log_mb=size.log_mb * factor,
        )  # fmt: skip
    if options.items is not None:
        size = size.assuming(f"the catalogue is taken to have {options.items:,} items", items=float(options.items))
    if options.users is not None:
        from interestflow.pipeline.plan.workload import mean_history

        behaviours = size.events * size.behaviours / options.users
        size = size.assuming(
            f"{options.users:,} users are taken to have {behaviours:,.0f} behaviours each",
            users=float(options.users), history=mean_history(behaviours, max_length),
        )  # fmt: skip
    if options.history is not None:
        length = min(options.history, float(max_length))
        size = size.assuming(f"an example is taken to have {length:,.1f} behaviours", history=length)
    return size
