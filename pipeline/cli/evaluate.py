"""The command `interestflow evaluate`: metrics of a pushed model on the test examples of the last run."""

from __future__ import annotations

import datetime
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interestflow.pipeline.cli.options import (
    BeamOptions,
    BeamRunner,
    ConfigPath,
    DataFolder,
    RunsFolder,
    change_beam,
    fail,
    load_config,
    with_options,
)

if TYPE_CHECKING:  # `--help` imports this module and should stay fast
    from rich.console import Console

    from interestflow.pipeline.config import PipelineConfig
    from interestflow.pipeline.folders import Folders


class NothingToEvaluateError(Exception):
    """There is no run, no model, or a model that cannot be evaluated; the message says which."""


@dataclass(frozen=True)
class EvaluateOptions:
    """Arguments and options of the command."""

    config: ConfigPath
    model: Annotated[
        str | None, typer.Option(help="Folder or URL of an exported model, instead of the newest pushed model.")
    ] = None
    data_folder: DataFolder = None
    runs_folder: RunsFolder = None
    beam_runner: BeamRunner = None
    beam_option: BeamOptions = None


@with_options(EvaluateOptions)
def evaluate(options: EvaluateOptions) -> None:
    """Evaluate a pushed model on the test examples of the last run, overall and by slice."""
    config = load_config(options.config, options.data_folder, parameters=())
    config = change_beam(config, options.beam_runner, options.beam_option)
    try:
        evaluate_locally(config, options.runs_folder, options.model)
    except NothingToEvaluateError as error:
        fail(error)


def evaluate_locally(config: PipelineConfig, runs_folder: str | None = None, model: str | None = None) -> None:
    """Evaluate a model and print its metrics, overall and by slice.

    Args:
        config: configuration of the run; only its slices may have changed since.
        runs_folder: folder of all runs; None for the default.
        model: folder or URL of an exported model; None for the newest pushed model.

    Raises:
        NothingToEvaluateError: if there is no model to evaluate, or there are no examples to evaluate it on.
    """
    from interestflow.pipeline.cli.library_logs import redirect_library_output
    from interestflow.pipeline.folders import Folders

    folders = Folders.local(config, runs_folder)
    report = Path(folders.report)
    if not report.exists():
        raise NothingToEvaluateError(
            f"no run of {config.name} has ended under {folders.root} yet; `interestflow run` makes the test examples"
        )
    examples = json.loads(report.read_text(encoding="utf-8"))["examples"]
    log = Path(folders.logs) / f"{datetime.datetime.now():%Y-%m-%d-%H%M%S}-evaluate.log"
    with redirect_library_output(log) as console:
        _evaluate(config, folders, examples, model, console)


def _evaluate(config: PipelineConfig, folders: Folders, examples: str, model: str | None, console: Console) -> None:
    with console.status("loading libraries"):
        from apache_beam.options.pipeline_options import PipelineOptions

        from interestflow.beam_runner.endpoints import check_endpoints
        from interestflow.beam_runner.places import BeamRunnerError, check_folders, has_workers_elsewhere
        from interestflow.pipeline.evaluation.evaluate import evaluate as evaluate_model
        from interestflow.pipeline.evaluation.result import EvaluationError
        from interestflow.pipeline.gates.champion import ChampionError, pushed_models
        from interestflow.pipeline.report.metrics_table import metrics_table, slices_table
        from interestflow.storage import StorageError

    if model is None:
        try:
            pushed = pushed_models(folders.serving)
        except ChampionError as error:
            raise NothingToEvaluateError(str(error)) from None
        if not pushed or pushed[0].folder is None:
            raise NothingToEvaluateError(
                f"no model of {config.name} has been pushed to {folders.serving} yet; --model names another"
            )
        model = pushed[0].folder
    console.print(f"evaluating {model}", highlight=False, soft_wrap=True)
    try:
        options = PipelineOptions(config.beam.arguments("Evaluator"))
        # Workers elsewhere see no temporary folder of this machine.
        parent = folders.root if has_workers_elsewhere(options) else None
        with console.status("scoring the test split"), tempfile.TemporaryDirectory(dir=parent) as temporary:
            check_folders(options, {"`--runs-folder`": folders.root, "the folder of the test examples": examples})
            check_endpoints(options)
            evaluation = evaluate_model(config, model, None, examples, temporary, options)
    except (BeamRunnerError, EvaluationError, StorageError) as error:
        raise NothingToEvaluateError(str(error)) from None
    models = [evaluation.model] if evaluation.popularity is None else [evaluation.model, evaluation.popularity]
    console.print(metrics_table({evaluated.name: evaluated for evaluated in models}))
    slices = slices_table(evaluation.model, "by slice", {})
    if slices is not None:
        console.print(slices)
