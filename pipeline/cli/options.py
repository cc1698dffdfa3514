"""Arguments and options that several commands share, and the reading of a configuration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

if TYPE_CHECKING:  # it imports pydantic and every section of the configuration, which `--help` does not need
    from interestflow.pipeline.config import PipelineConfig

Options = TypeVar("Options")

ConfigPath = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="YAML file of the pipeline, e.g. configs/demo.yaml.")
]
DataFolder = Annotated[
    str | None,
    typer.Option("--data-folder", help="Folder of the data, instead of `data.folder` or $INTERESTFLOW_DATA."),
]
RunsFolder = Annotated[
    str | None, typer.Option("--runs-folder", help="Folder of all runs, instead of $INTERESTFLOW_RUNS or ./runs.")
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        metavar="NAME=VALUE",
        help="Setting for this run alone: span, learning_rate or gate. May be given several times.",
    ),
]
BeamRunner = Annotated[
    str | None,
    typer.Option(
        "--beam-runner",
        metavar="RUNNER",
        help="Runner of the Beam jobs, instead of the section `beam`: in_memory, multi_processing or a class of Beam.",
    ),
]
BeamOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--beam-option",
        metavar="NAME=VALUE",
        help="Option of the Beam runner, e.g. job_endpoint=localhost:8099. May be given several times.",
    ),
]
Seed = Annotated[int | None, typer.Option(help="Seed of the training, instead of `training.seed`.")]


def fail(message: object) -> NoReturn:
    """End the command with one readable reason on standard error and exit code 1."""
    from rich.console import Console
    from rich.markup import escape

    Console(stderr=True).print(f"[bold red]error:[/] {escape(str(message))}", highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def load_config(
    path: Path, data_folder: str | None, seed: int | None = None, parameters: Sequence[str] | None = None
) -> PipelineConfig:
    """Read a configuration, and end the command with its mistakes where it has any.

    Args:
        path: the YAML file.
        data_folder: folder of the data, instead of the configuration's.
        seed: seed of the training, instead of the configuration's.
        parameters: run parameters as `NAME=VALUE`, which are applied; None to leave the configuration as it is, for
            commands that do not read logs.
    """
    from interestflow.pipeline.config import ConfigurationError, load
    from interestflow.pipeline.run_parameters import RunParameterError, parse_assignments, with_parameters

    try:
        config = load(path, data_folder)
        if parameters is not None:
            config = with_parameters(config, parse_assignments(parameters))
    except (ConfigurationError, RunParameterError) as error:
        fail(error)
    return config if seed is None else config.with_seed(seed)


def change_beam(config: PipelineConfig, runner: str | None, options: Sequence[str] | None) -> PipelineConfig:
    """Return the configuration with the Beam settings of the command line, and end the command where one is wrong."""
    if runner is None and not options:
        return config
    from interestflow.pipeline.beam_override import with_beam
    from interestflow.pipeline.config import ConfigurationError

    try:
        return with_beam(config, runner, options or ())
    except ConfigurationError as error:
        fail(error)


def with_options(options: type[Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Turn a function of one data class into a command with an argument or option for each field.

    For commands with more options than a function can have parameters and stay readable.

    Args:
        options: data class whose fields are annotated with `typer.Argument` and `typer.Option`.
    """

    def decorate(function: Callable[[Options], None]) -> Callable[..., None]:
        def command(**values: object) -> None:
            function(options(**values))

        # Typer reads names, types and defaults from it.
        command.__signature__ = inspect.signature(options, eval_str=True)  # type: ignore[attr-defined]
        command.__doc__, command.__name__ = function.__doc__, function.__name__
        return command

    return decorate
