"""The command `interestflow serve`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from interestflow.pipeline.cli.options import RunsFolder, fail, with_options

if TYPE_CHECKING:
    from interestflow.pipeline.cli.model_sources import ModelSource
    from interestflow.serving.server.configuration import ServerOptions

AllowReload = Literal["never", "with-certificate", "anyone"]
MIB = 2**20


@dataclass(frozen=True)
class ServeOptions:
    """Arguments and options of the command, described by their help texts."""

    source: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG|FOLDER|MODELS",
            help="YAML file of a run whose model to serve, a folder with versions, or a models.config.",
        ),
    ]
    name: Annotated[str | None, typer.Option(help="Model name, instead of the configuration's or folder's.")] = None
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every interface.")] = "127.0.0.1"
    port: Annotated[int, typer.Option(min=0, help="Port of gRPC; 0 takes a free one.")] = 8500
    rest_port: Annotated[int, typer.Option(min=0, help="Port of REST and metrics; 0 takes a free one.")] = 8501
    no_rest: Annotated[bool, typer.Option("--no-rest", help="Serve only gRPC, without REST and metrics.")] = False
    batching: Annotated[
        Path | None, typer.Option("--batching-parameters", help="A batching_parameters.txt; no batching without it.")
    ] = None
    poll_seconds: Annotated[float, typer.Option(min=0, help="Seconds between checks for new versions.")] = 1.0
    models_config_poll_seconds: Annotated[
        float, typer.Option(min=0, help="Seconds between checks of models.config for changes; 0 reads it once.")
    ] = 0.0
    load_retries: Annotated[
        int, typer.Option(min=0, help="Retries of a version that fails to load, before it is given up.")
    ] = 0
    load_retry_seconds: Annotated[
        float, typer.Option(min=0, help="Seconds between two attempts to load a version.")
    ] = 60.0
    allow_reload: Annotated[
        AllowReload, typer.Option(help="Clients that may change the models by HandleReloadConfigRequest.")
    ] = "never"
    max_message_megabytes: Annotated[int, typer.Option(min=1, help="Largest request accepted, in MB.")] = 64
    max_candidates: Annotated[int, typer.Option(min=1, help="Most candidates, rows or list values in one request.")] = (
        10_000
    )
    max_expanded_megabytes: Annotated[
        int, typer.Option(min=1, help="Memory of a request's tensors, repeated values written out, in MB.")
    ] = 64
    grpc_max_threads: Annotated[int, typer.Option(min=2, help="Threads of gRPC; calls beyond them are rejected.")] = 64
    max_concurrent_requests: Annotated[
        int, typer.Option(min=1, help="REST requests in flight before new ones are rejected.")
    ] = 256
    rest_timeout_seconds: Annotated[
        float, typer.Option(min=0, help="Longest time that a REST request may run; 0 for no limit.")
    ] = 30.0
    cors: Annotated[bool, typer.Option("--cors", help="Allow REST requests from web pages of other origins.")] = False
    max_http_connections: Annotated[
        int | None, typer.Option(min=1, help="Most open HTTP connections; half of the file descriptors by default.")
    ] = None
    http_header_seconds: Annotated[
        float, typer.Option(min=0.1, help="Longest time for an HTTP client to send the headers of a request.")
    ] = 10.0
    http_body_seconds: Annotated[
        float, typer.Option(min=0.1, help="Longest time for an HTTP client to send a body, or to read an answer.")
    ] = 30.0
    grace_seconds: Annotated[
        float, typer.Option(min=0, help="Seconds that running requests have to end at SIGTERM.")
    ] = 30.0
    tls_certificate: Annotated[Path | None, typer.Option(help="PEM file of the server's certificate; TLS only.")] = None
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's key.")] = None
    tls_client_authority: Annotated[
        Path | None, typer.Option(help="PEM file of the authority that must have signed the clients' certificates.")
    ] = None
    runs_folder: RunsFolder = None


@with_options(ServeOptions)
def serve(options: ServeOptions) -> None:
    """Serve models over TensorFlow Serving's protocol until stopped."""
    from interestflow.pipeline.cli.library_logs import redirect_library_output

    problem: str | None = None
    # TensorFlow's start-up messages contain nothing that a user could act on.
    with redirect_library_output(Path(os.devnull)) as console:
        from interestflow.pipeline.cli.model_sources import NothingToServeError, find_models
        from interestflow.pipeline.config import ConfigurationError
        from interestflow.serving.server.errors import ServerConfigurationError
        from interestflow.serving.server.main import serve as serve_until_stopped

        try:
            source = find_models(options.source, options.name, options.runs_folder)
            serve_until_stopped(server_options(options, source), console)
        except (NothingToServeError, ServerConfigurationError, ConfigurationError) as error:
            problem = str(error)
    if problem is not None:
        fail(problem)


def server_options(options: ServeOptions, source: ModelSource) -> ServerOptions:
    """Convert the command's options to those of the server.

    Args:
        options: of the command; sizes in MB.
        source: the models that `options.source` stands for.

    Raises:
        NothingToServeError: if a certificate comes without its key.
        ServerConfigurationError: if the file of batching parameters cannot be read.
    """
    from interestflow.pipeline.cli.model_sources import build_tls
    from interestflow.serving.server.configuration import ServerOptions, read_batching

    return ServerOptions(
        source.models,
        models_path=source.path,
        models_poll_seconds=options.models_config_poll_seconds,
        host=options.host,
        port=options.port,
        rest_port=None if options.no_rest else options.rest_port,
        batching=None if options.batching is None else read_batching(options.batching),
        poll_seconds=options.poll_seconds,
        load_retries=options.load_retries,
        load_retry_seconds=options.load_retry_seconds,
        allow_reload=options.allow_reload,
        max_message_bytes=options.max_message_megabytes * MIB,
        max_candidates=options.max_candidates,
        max_expanded_bytes=options.max_expanded_megabytes * MIB,
        grpc_max_threads=options.grpc_max_threads,
        max_concurrent_requests=options.max_concurrent_requests,
        rest_timeout_seconds=options.rest_timeout_seconds,
        cors=options.cors,
        max_http_connections=options.max_http_connections,
        http_header_seconds=options.http_header_seconds,
        http_body_seconds=options.http_body_seconds,
        drain_seconds=options.grace_seconds,
        tls=build_tls(options.tls_certificate, options.tls_key, options.tls_client_authority),
    )
