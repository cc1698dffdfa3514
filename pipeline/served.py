"""What `interestflow serve` is asked to serve, as the server's options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.config import load
from pipeline.folders import Folders
from serving.server.configuration import TLS, ServerOptions, one_model, read_batching, read_models
from serving.server.versions import complete_versions


class NothingToServeError(Exception):
    """There is no model where one was looked for; the message says where."""


def server_options(
    source: Path,
    *,
    name: str | None,
    runs_folder: str | None,
    batching: Path | None,
    tls: tuple[Path | None, Path | None, Path | None],
    **others: Any,
) -> ServerOptions:
    """The options that serve `source`.

    Args:
        source: a configuration, whose pushed model is served; a folder with versions; or a `models.config`.
        name: of the model, instead of the configuration's or the folder's own.
        runs_folder: where runs are kept.
        batching: TF Serving's `batching_parameters.txt`, or None.
        tls: certificate, key and clients' authority, each a path or None.
        others: fields of `ServerOptions` as they are.

    Raises:
        NothingToServeError: where there is no version to serve, or a certificate comes without its key.
        ConfigurationError: for a configuration that cannot be read.
        ServerConfigurationError: for one of TF Serving's files that cannot be.
    """
    if source.suffix in (".yaml", ".yml"):
        config = load(source)
        models = one_model(name or config.name, _with_versions(Folders.local(config, runs_folder).serving))
    elif source.is_dir():
        models = one_model(name or source.resolve().name, _with_versions(str(source.resolve())))
    elif source.is_file():
        models = read_models(source)
    else:
        raise NothingToServeError(f"{source} should be a configuration, a folder or a models.config; it is not there")
    certificate, key, authority = tls
    if (certificate is None) != (key is None) or (authority is not None and certificate is None):
        raise NothingToServeError("--tls-certificate and --tls-key should be given together, and before an authority")
    return ServerOptions(
        models=models,
        batching=None if batching is None else read_batching(batching),
        tls=None
        if certificate is None
        else TLS(str(certificate), str(key), None if authority is None else str(authority)),
        **others,
    )


def _with_versions(base: str) -> str:
    if not complete_versions(base):
        raise NothingToServeError(f"{base} has no version of a model yet; `interestflow run` pushes one there")
    return base
