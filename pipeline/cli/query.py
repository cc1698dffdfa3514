"""The command `interestflow query`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interestflow.pipeline.cli.options import fail, with_options

if TYPE_CHECKING:
    from interestflow.serving.client import ClientTLS


@dataclass(frozen=True)
class QueryOptions:
    """Arguments and options of the command, described by their help texts."""

    address: Annotated[str, typer.Argument(help="Address of the server's gRPC port, host:port.")]
    question: Annotated[
        Path,
        typer.Argument(help="JSON file: rows to score, `user` and `candidates` to rank, or `user` to retrieve for."),
    ]
    model: Annotated[str, typer.Option(help="Name of the model.")]
    count: Annotated[
        int, typer.Option("--count", "-k", min=1, help="Number of candidates to show, or of items to retrieve.")
    ] = 10
    version: Annotated[int | None, typer.Option(help="Version to query instead of the newest.")] = None
    label: Annotated[str | None, typer.Option(help="Version label to query, e.g. stable.")] = None
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the answer.")] = 10.0
    tls_authority: Annotated[
        Path | None, typer.Option(help="PEM file of the authority that signed the server's certificate; enables TLS.")
    ] = None
    tls_certificate: Annotated[Path | None, typer.Option(help="PEM file of the client's certificate.")] = None
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's key.")] = None


@with_options(QueryOptions)
def query(options: QueryOptions) -> None:
    """Query a model server: TensorFlow Serving, or the one that `interestflow serve` starts."""
    from rich.console import Console
    from rich.markup import escape

    from interestflow.pipeline.cli.library_logs import redirect_library_output
    from interestflow.pipeline.cli.question import ask, read_question
    from interestflow.serving.client import Client, ClientError

    try:
        with redirect_library_output(Path(os.devnull)) as console:
            question = read_question(options.question)
            with Client(
                options.address,
                options.model,
                version=options.version,
                label=options.label,
                timeout=options.timeout,
                tls=client_tls(options),
            ) as client:
                answer = ask(client, question, options.count)
            console.print(answer.table)
    except ClientError as error:
        fail(error)
    if answer.missing:
        names = escape(", ".join(answer.missing))
        text = f"[bold yellow]warning:[/] the question lacks {names}, which every training example had"
        Console(stderr=True).print(text, highlight=False, soft_wrap=True)


def client_tls(options: QueryOptions) -> ClientTLS | None:
    """Return the certificates of the client; None for a connection in plain text."""
    from interestflow.serving.client import ClientTLS

    if options.tls_authority is None and options.tls_certificate is None:
        return None
    paths = (options.tls_authority, options.tls_certificate, options.tls_key)
    return ClientTLS(*(None if path is None else str(path) for path in paths))
