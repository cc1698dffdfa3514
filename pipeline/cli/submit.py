"""The command `interestflow submit`."""

from __future__ import annotations

import datetime
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interestflow.pipeline.cli.compile import config_source, with_kubeflow, write_specification
from interestflow.pipeline.cli.options import DataFolder, fail, load_config, with_options

if TYPE_CHECKING:
    from interestflow.kubeflow.config import KubeflowConfig
    from interestflow.kubeflow.submission.pipelines_api import PipelinesApi
    from interestflow.kubeflow.submission.specification import Specification
    from interestflow.kubeflow.submission.submit import Submission
    from interestflow.pipeline.config import PipelineConfig

SUCCESS, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130
ENDPOINT_VARIABLE, INTERFACE_VARIABLE = "KF_PIPELINES_ENDPOINT", "KF_PIPELINES_UI_ENDPOINT"
"""kfp's own variables."""


@dataclass(frozen=True)
class SubmitOptions:
    """Arguments and options of the command, described by their help texts."""

    path: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG|SPECIFICATION",
            help="YAML file of the pipeline, which is compiled first, or a specification that `compile` wrote.",
        ),
    ]
    endpoint: Annotated[
        str | None,
        typer.Option(
            envvar=ENDPOINT_VARIABLE,
            help="URL of the API, e.g. http://localhost:8888; by default `kubeflow.endpoint`. A token is read from "
            "$KFP_TOKEN, or from the file of the pod that the command runs in.",
        ),
    ] = None
    interface: Annotated[
        str | None,
        typer.Option(
            "--ui", envvar=INTERFACE_VARIABLE, help="URL of the user interface, where it is not the API's own."
        ),
    ] = None
    namespace: Annotated[
        str | None,
        typer.Option(help="Namespace of the run, on a server with several users; by default `kubeflow.namespace`."),
    ] = None
    experiment: Annotated[
        str | None,
        typer.Option(help="Experiment of the run; by default `kubeflow.experiment`, or the pipeline's name."),
    ] = None
    pipeline_root: Annotated[
        str | None,
        typer.Option(
            help="URL of the artifacts, instead of `kubeflow.pipeline_root`; of a specification, a folder below the "
            "URL that it was compiled for."
        ),
    ] = None
    image: Annotated[
        str | None, typer.Option(help="Image of the steps of a configuration, instead of `kubeflow.image`.")
    ] = None
    gpu_image: Annotated[
        str | None, typer.Option(help="Image of its steps with GPUs, instead of `kubeflow.gpu_image`.")
    ] = None
    parameter: Annotated[
        list[str], typer.Option(metavar="NAME=VALUE", help="Parameter of the run. Repeat the option for others.")
    ] = ()  # type: ignore[assignment]
    run_name: Annotated[
        str | None,
        typer.Option(help="Name of the run; by default the pipeline's name, with the time for a single run."),
    ] = None
    service_account: Annotated[
        str | None,
        typer.Option(help="Service account of the steps' pods; by default `kubeflow.service_account`."),
    ] = None
    schedule: Annotated[
        str | None,
        typer.Option(
            metavar="CRON",
            help="Create or replace a recurring run instead: six fields, seconds first, e.g. '0 0 3 * * *'. Parameters "
            "may hold [[ScheduledTime]].",
        ),
    ] = None
    no_catchup: Annotated[
        bool, typer.Option("--no-catchup", help="Leave out the runs that a recurring run missed, except the last.")
    ] = False
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the run has ended, and print what it does.")] = False
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds to wait for the run's end; by default without limit.")
    ] = None
    poll_seconds: Annotated[float, typer.Option(min=0.01, help="Seconds between checks of the run's state.")] = 10.0
    request_timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for each answer of the API.")] = 30.0
    tls_authority: Annotated[
        Path | None, typer.Option(help="PEM file of the authority that signed the API's certificate.")
    ] = None
    data_folder: DataFolder = None

    @property
    def compiled_values(self) -> dict[str, str | None]:
        """Values that replace those of the section `kubeflow` before it is compiled."""
        return {"image": self.image, "gpu_image": self.gpu_image, "pipeline_root": self.pipeline_root}


@with_options(SubmitOptions)
def submit(options: SubmitOptions) -> None:
    """Run the pipeline on Kubeflow Pipelines, once or by a schedule.

    Exit code 0 if what was asked for was done, 2 if a gate refused the model (with --wait), 1 if anything failed.
    """
    _check_options(options)
    from interestflow.kubeflow.submission.errors import SubmissionError

    try:
        raise typer.Exit(_submit(options))
    except SubmissionError as error:
        fail(error)


def _check_options(options: SubmitOptions) -> None:
    if options.schedule is not None and options.wait:
        fail("`--wait` should be left out with `--schedule`, since the runs start later")
    if options.no_catchup and options.schedule is None:
        fail("`--no-catchup` should be given with `--schedule`")
    if options.timeout is not None and not options.wait:
        fail("`--timeout` should be given with `--wait`; `--request-timeout` is the limit of one request")


def _submit(options: SubmitOptions) -> int:
    from interestflow.kubeflow.submission.specification import read_specification

    specification = read_specification(options.path)
    if specification is not None and (options.image or options.gpu_image or options.data_folder):
        fail("`--image`, `--gpu-image` and `--data-folder` should be left out with a specification, which has its own")
    config = _load(options) if specification is None else None
    settings = None if config is None else config.kubeflow
    endpoint = options.endpoint or (None if settings is None else settings.endpoint)
    if endpoint is None:
        fail(
            f"`--endpoint` (or ${ENDPOINT_VARIABLE}, or `kubeflow.endpoint`) should be the URL of the API, "
            "received none"
        )

    from interestflow.kubeflow.submission.connection import Connection
    from interestflow.kubeflow.submission.pipelines_api import PipelinesApi
    from interestflow.kubeflow.submission.submit import submit as submit_specification

    connection = Connection(endpoint, options.tls_authority, options.request_timeout)
    if config is not None:
        specification = _compile(options, config)
    assert specification is not None
    submission = _submission(options, specification, settings)
    api = PipelinesApi(connection, options.namespace or (None if settings is None else settings.namespace))
    submitted = submit_specification(api, submission)
    for note in submitted.notes:
        _print(note)
    kind = "runs" if submission.schedule is None else "recurringrun"
    address = f"{(options.interface or connection.endpoint).rstrip('/')}/#/{kind}/details/{submitted.id}"
    _print(address)
    return _wait(options, api, submitted.id, specification, address) if options.wait else SUCCESS


def _print(line: str) -> None:
    from rich.console import Console

    Console().print(line, highlight=False, markup=False, soft_wrap=True)


def _load(options: SubmitOptions) -> PipelineConfig:
    return with_kubeflow(load_config(options.path, options.data_folder), options.compiled_values)


def _compile(options: SubmitOptions, config: PipelineConfig) -> Specification:
    """Compile a configuration as `interestflow compile` does, and return the specification."""
    from interestflow.kubeflow.submission.specification import read_specification

    _print(f"compiling {options.path}")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "pipeline.yaml"
        write_specification(config, output, config_source(options.path, options.data_folder, options.compiled_values))
        specification = read_specification(output)
    assert specification is not None
    return specification


def _submission(options: SubmitOptions, specification: Specification, settings: KubeflowConfig | None) -> Submission:
    from interestflow.kubeflow.submission.parameters import parse_parameters
    from interestflow.kubeflow.submission.schedule import Schedule
    from interestflow.kubeflow.submission.submit import Submission

    schedule = None if options.schedule is None else Schedule(options.schedule, options.no_catchup)
    parameters = parse_parameters(options.parameter, specification.parameters, is_scheduled=schedule is not None)
    now = datetime.datetime.now(datetime.UTC)
    name = specification.name if schedule is not None else f"{specification.name} {now:%Y-%m-%d %H:%M:%S}"
    experiment = options.experiment or (None if settings is None else settings.experiment)
    return Submission(
        specification=specification,
        experiment=experiment or specification.name,
        run_name=options.run_name or name,
        pipeline_root=specification.pipeline_root if settings is not None else _root(options, specification),
        parameters=parameters,
        service_account=options.service_account or (None if settings is None else settings.service_account),
        schedule=schedule,
    )


def _root(options: SubmitOptions, specification: Specification) -> str:
    return specification.check_root(options.pipeline_root or specification.pipeline_root)


def _wait(options: SubmitOptions, api: PipelinesApi, run_id: str, specification: Specification, address: str) -> int:
    from interestflow.kubeflow.submission.errors import SubmissionError
    from interestflow.kubeflow.submission.outcome import SUCCEEDED, Waiting, wait_for_run

    try:
        outcome = wait_for_run(api, run_id, specification.steps, Waiting(options.timeout, options.poll_seconds, _print))
    except SubmissionError as error:
        fail(f"{error}; the run goes on: {address}")
    except KeyboardInterrupt:
        _print(f"no longer waiting; the run goes on: {address}")
        return INTERRUPTED
    for failure in outcome.failures:
        _print(failure)
    _print(f"run {outcome.state}" + (", a gate refused the model" if outcome.is_refused else ""))
    if outcome.is_refused:
        return REFUSED
    return SUCCESS if outcome.state == SUCCEEDED else FAILED
