"""The command line: `interestflow run`, `validate`, `evaluate`, `serve`, `query` and the others that `--help` lists.

Each command imports what it needs when it is called: TFX takes ten seconds to import, and `--help` should not.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer
from rich.console import Console

from interestflow.pipeline import config as configuration

app = typer.Typer(
    help="From raw interaction logs to a validated, served recommender.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file, such as configs/demo.yaml.")]
DataFolder = Annotated[
    str | None,
    typer.Option("--data-folder", help="Where the data are, instead of `data.folder` or $INTERESTFLOW_DATA."),
]
RunsFolder = Annotated[
    str | None, typer.Option("--runs-folder", help="Where runs are kept, instead of $INTERESTFLOW_RUNS or ./runs.")
]
LogFormat = Literal["parquet", "csv", "jsonl"]
AllowReload = Literal["never", "with-certificate", "anyone"]
Seed = Annotated[int | None, typer.Option(help="Instead of `training.seed`.")]


def fail(message: object) -> NoReturn:
    """Ends the command with one readable reason and exit code 1."""
    Console(stderr=True).print(f"[bold red]error:[/] {message}", highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def load_config(path: Path, data_folder: str | None, seed: int | None = None) -> configuration.PipelineConfig:
    try:
        loaded = configuration.load(path, data_folder)
    except configuration.ConfigurationError as error:
        fail(error)
    if seed is not None:
        loaded = loaded.with_seed(seed)
    return loaded


@app.command()
def run(config: ConfigPath, data_folder: DataFolder = None, runs_folder: RunsFolder = None, seed: Seed = None) -> None:
    """Runs the whole pipeline here, from raw logs to a pushed model. Steps that nothing changed are not run again."""
    from interestflow.pipeline.cli.run import run_locally

    loaded = load_config(config, data_folder, seed)
    sys.exit(run_locally(loaded, runs_folder))


@app.command()
def validate(config: ConfigPath, data_folder: DataFolder = None) -> None:
    """Checks a configuration against the real files and shows what the pipeline would see, without running it."""
    from interestflow.pipeline.validate.checks import validate as check
    from interestflow.pipeline.validate.terminal import render

    report = check(load_config(config, data_folder))
    Console().print(render(report), soft_wrap=True)
    raise typer.Exit(0 if report.is_usable else 1)


@app.command("generate-logs")
def generate_logs(
    folder: Annotated[Path, typer.Argument(help="Where events, items and users are written.")],
    events: Annotated[int, typer.Option(help="Impressions.")] = 200_000,
    users: int = 2_000,
    items: int = 2_000,
    categories: int = 100,
    days: int = 30,
    seed: int = 17,
    format: Annotated[LogFormat, typer.Option(help="How the files are written.")] = "parquet",
) -> None:
    """Makes a log whose click probabilities are known, so that the best possible AUC is known too."""
    from pydantic import ValidationError

    from interestflow.transforms.generator.best_possible import best_possible
    from interestflow.transforms.generator.config import LogGeneratorConfig
    from interestflow.transforms.generator.generate import generate_log
    from interestflow.transforms.generator.log_files import write_log

    sizes = {"events": events, "users": users, "items": items, "categories": categories, "days": days, "seed": seed}
    try:
        log = generate_log(LogGeneratorConfig.model_validate(sizes))
        paths = write_log(log, folder, format)
    except ValidationError as error:
        fail(
            "; ".join(
                f"--{mistake['loc'][0]}: {mistake['msg']}" if mistake["loc"] else mistake["msg"]
                for mistake in error.errors()
            )
        )
    except OSError as error:
        fail(f"{folder} cannot be written to: {error.strerror}")
    best = best_possible(log.events["true_probability"].to_numpy())
    console = Console()
    for name, path in paths.items():
        console.print(f"{getattr(log, name).height:>12,} {name:<7} {path}", highlight=False, soft_wrap=True)
    clicked = float(log.events["click"].to_numpy().mean())
    console.print(
        f"clicked {clicked:.3f} of the time; "
        f"best possible AUC {best.auc:.4f}, log loss {best.log_loss:.4f}", highlight=False
    )  # fmt: skip


@app.command()
def evaluate(
    config: ConfigPath,
    model: Annotated[
        str | None, typer.Option(help="Folder of an exported model, instead of the newest that was pushed.")
    ] = None,
    data_folder: DataFolder = None,
    runs_folder: RunsFolder = None,
) -> None:
    """Shows how well a pushed model does on the test examples of the last run, overall and by slice."""
    from interestflow.pipeline.cli.evaluate import NothingToEvaluateError, evaluate_locally

    loaded = load_config(config, data_folder)
    try:
        evaluate_locally(loaded, runs_folder, model)
    except NothingToEvaluateError as error:
        fail(error)


@app.command()
def compile(
    config: ConfigPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write (.yaml or .json).")],
    data_folder: DataFolder = None,
) -> None:
    """Writes the pipeline as a Kubeflow Pipelines v2 specification."""
    from interestflow.pipeline.cli.compile import compile_config

    loaded = load_config(config, data_folder)
    compile_config(loaded, output)
    Console().print(f"wrote {output}")


@app.command("render-serving")
def render_serving(
    config: ConfigPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")],
    models: Annotated[
        str | None,
        typer.Option(help="Folder or URL with the model's versions to check, instead of the pushed ones."),
    ] = None,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Render without reading the model folder.")] = False,
    runs_folder: RunsFolder = None,
) -> None:
    """Write the files that run TensorFlow Serving: Kubernetes manifests, its configuration and a Compose file."""
    from interestflow.pipeline.cli.library_logs import libraries_to_log
    from interestflow.pipeline.folders import Folders
    from interestflow.serving.deployment.errors import DeploymentError, ModelFolderError

    loaded = load_config(config, None)
    models = models or Folders.local(loaded, runs_folder).serving
    deployment = loaded.deployment.resolve_paths(config.resolve().parent)
    try:
        with libraries_to_log(Path(os.devnull)):
            from interestflow.serving.deployment.write import write_deployment

            rendering = write_deployment(loaded.name, deployment, models, output, unchecked=unchecked)
    except ModelFolderError as error:
        fail(f"{error} (--models names another folder, --unchecked reads none)")
    except DeploymentError as error:
        fail(error)
    for line in (*(f"wrote {path}" for path in rendering.files), *rendering.notes):
        Console().print(line, highlight=False, soft_wrap=True)


@app.command()
def serve(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG|FOLDER|MODELS",
            help="The YAML file of a run whose model to serve, a folder with versions, or a models.config.",
        ),
    ],
    name: Annotated[str | None, typer.Option(help="Model name, instead of the configuration's or folder's.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every interface.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, help="Port of gRPC; 0 takes a free one.")] = 8500,
    rest_port: Annotated[int, typer.Option(min=0, help="Port of REST and metrics; 0 takes a free one.")] = 8501,
    no_rest: Annotated[bool, typer.Option("--no-rest", help="Serve gRPC alone, without REST and metrics.")] = False,
    batching: Annotated[
        Path | None, typer.Option("--batching-parameters", help="A batching_parameters.txt; no batching without it.")
    ] = None,
    poll_seconds: Annotated[float, typer.Option(min=0, help="Seconds between checks for new versions.")] = 1.0,
    models_config_poll_seconds: Annotated[
        float, typer.Option(min=0, help="Seconds between checks of models.config for changes; 0 reads it once.")
    ] = 0.0,
    load_retries: Annotated[int, typer.Option(min=0, help="Retries before a version that fails to load ends.")] = 0,
    load_retry_seconds: Annotated[float, typer.Option(min=0, help="Seconds between those retries.")] = 60.0,
    allow_reload: Annotated[
        AllowReload, typer.Option(help="Who may change the models by HandleReloadConfigRequest.")
    ] = "never",
    max_message_megabytes: Annotated[int, typer.Option(min=1, help="Largest request accepted, in MB.")] = 64,
    max_candidates: Annotated[
        int, typer.Option(min=1, help="Most candidates, rows or list values that a request may stand for.")
    ] = 10_000,
    max_expanded_megabytes: Annotated[
        int, typer.Option(min=1, help="Memory of a request's tensors, repeated values written out, in MB.")
    ] = 64,
    grpc_max_threads: Annotated[int, typer.Option(min=2, help="Threads of gRPC; calls beyond them are rejected.")] = 64,
    max_concurrent_requests: Annotated[
        int, typer.Option(min=1, help="REST requests in flight before new ones are rejected.")
    ] = 256,
    rest_timeout_seconds: Annotated[
        float, typer.Option(min=0, help="Longest time that a REST request may run; 0 for no limit.")
    ] = 30.0,
    cors: Annotated[bool, typer.Option("--cors", help="Let pages of other origins ask over REST.")] = False,
    max_http_connections: Annotated[
        int | None, typer.Option(min=1, help="Most open HTTP connections; half of the file descriptors by default.")
    ] = None,
    http_header_seconds: Annotated[
        float, typer.Option(min=0.1, help="Longest time for an HTTP client to send the headers of a request.")
    ] = 10.0,
    http_body_seconds: Annotated[
        float, typer.Option(min=0.1, help="Longest time for an HTTP client to send a body, or to read an answer.")
    ] = 30.0,
    grace_seconds: Annotated[
        float, typer.Option(min=0, help="Seconds that running requests have to end at SIGTERM.")
    ] = 30.0,
    tls_certificate: Annotated[Path | None, typer.Option(help="PEM file; serves TLS only.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's key.")] = None,
    tls_client_authority: Annotated[
        Path | None, typer.Option(help="PEM file; clients must show a certificate that it signed.")
    ] = None,
    runs_folder: RunsFolder = None,
) -> None:
    """Serve models over TensorFlow Serving's protocol until stopped."""
    from interestflow.pipeline.cli.library_logs import libraries_to_log

    # TensorFlow's own lines at its start say nothing that a person could act on.
    with libraries_to_log(Path(os.devnull)) as console:
        from interestflow.pipeline.cli.model_sources import NothingToServeError, build_tls, find_models
        from interestflow.serving.server.configuration import ServerOptions, read_batching
        from interestflow.serving.server.errors import ServerConfigurationError
        from interestflow.serving.server.main import serve as serve_until_stopped

        try:
            models, models_path = find_models(source, name, runs_folder)
            options = ServerOptions(
                models,
                models_path=models_path,
                models_poll_seconds=models_config_poll_seconds,
                host=host,
                port=port,
                rest_port=None if no_rest else rest_port,
                batching=None if batching is None else read_batching(batching),
                poll_seconds=poll_seconds,
                load_retries=load_retries,
                load_retry_seconds=load_retry_seconds,
                allow_reload=allow_reload,
                max_message_bytes=max_message_megabytes * 2**20,
                max_candidates=max_candidates,
                max_expanded_bytes=max_expanded_megabytes * 2**20,
                grpc_max_threads=grpc_max_threads,
                max_concurrent_requests=max_concurrent_requests,
                rest_timeout_seconds=rest_timeout_seconds,
                cors=cors,
                max_http_connections=max_http_connections,
                http_header_seconds=http_header_seconds,
                http_body_seconds=http_body_seconds,
                drain_seconds=grace_seconds,
                tls=build_tls(tls_certificate, tls_key, tls_client_authority),
            )
            serve_until_stopped(options, console)
            problem = None
        except (NothingToServeError, ServerConfigurationError, configuration.ConfigurationError) as error:
            problem = str(error)
    if problem is not None:
        fail(problem)


@app.command()
def query(
    address: Annotated[str, typer.Argument(help="host:port of gRPC.")],
    question: Annotated[
        Path,
        typer.Argument(help="JSON: rows to score, or `user` and `candidates` to rank, or `user` to retrieve for."),
    ],
    model: Annotated[str, typer.Option(help="Name of the model.")],
    count: Annotated[
        int, typer.Option("--count", "-k", min=1, help="Number of candidates to show, or of items to retrieve.")
    ] = 10,
    version: Annotated[int | None, typer.Option(help="Version to query instead of the newest.")] = None,
    label: Annotated[str | None, typer.Option(help="Version label to query, e.g. stable.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds that the answer may take.")] = 10.0,
    tls_authority: Annotated[
        Path | None, typer.Option(help="PEM file of the authority that signed the server's certificate; enables TLS.")
    ] = None,
    tls_certificate: Annotated[Path | None, typer.Option(help="PEM file of the client's certificate.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's key.")] = None,
) -> None:
    """Query a model server: TensorFlow Serving, or the one that `interestflow serve` starts."""
    from rich.markup import escape

    from interestflow.pipeline.cli.library_logs import libraries_to_log
    from interestflow.pipeline.cli.query import ask, read_question
    from interestflow.serving.client import Client, ClientError, ClientTLS

    tls = None
    if tls_authority is not None or tls_certificate is not None:
        paths = (tls_authority, tls_certificate, tls_key)
        tls = ClientTLS(*(None if path is None else str(path) for path in paths))
    problem: str | None = None
    missing: tuple[str, ...] = ()
    with libraries_to_log(Path(os.devnull)) as console:
        try:
            asked = read_question(question)
            with Client(address, model, version=version, label=label, timeout=timeout, tls=tls) as client:
                answer = ask(client, asked, count)
            console.print(answer.table)
            missing = answer.missing
        except ClientError as error:
            problem = escape(str(error))
    if problem is not None:
        fail(problem)
    if missing:
        names = escape(", ".join(missing))
        text = f"[bold yellow]warning:[/] the question lacks {names}, which every training example had"
        Console(stderr=True).print(text, highlight=False, soft_wrap=True)


def main() -> None:
    """What `interestflow` calls."""
    # Set before TensorFlow is imported by anything: its start-up lines say nothing that a person could act on.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    app()
