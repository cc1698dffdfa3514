"""Finds the models that `interestflow serve` should serve."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tensorflow_serving.config import model_server_config_pb2

from interestflow.pipeline.config import load
from interestflow.pipeline.folders import Folders
from interestflow.serving.server.configuration import TLS, one_model, read_models
from interestflow.serving.server.versions import complete_versions


class NothingToServeError(Exception):
    """There is no model where one was looked for, or no way to serve it; the message says where."""


class ModelSource(NamedTuple):
    """Models to serve, and the `models.config` that lists them, if there is one."""

    models: model_server_config_pb2.ModelServerConfig
    path: str | None


def find_models(source: Path, name: str | None = None, runs_folder: str | None = None) -> ModelSource:
    """Find the models that `source` stands for.

    Args:
        source: a configuration, whose pushed model is served; a folder with versions; or a `models.config`.
        name: name of the model, instead of the configuration's or the folder's.
        runs_folder: folder of all runs, for a configuration.

    Raises:
        NothingToServeError: where there is no version to serve.
        ConfigurationError: for a configuration that cannot be read.
        ServerConfigurationError: for a `models.config` that cannot be read.
    """
    if source.suffix in (".yaml", ".yml"):
        config = load(source)
        return _one_model(name or config.name, Folders.local(config, runs_folder).serving)
    url = re.fullmatch(r"(gs|s3):/+(.+)", str(source))  # a path has single slashes
    if url is not None:
        return _one_model(name or source.name, f"{url[1]}://{url[2]}")
    if source.is_dir():
        return _one_model(name or source.resolve().name, str(source.resolve()))
    if source.is_file():
        return ModelSource(read_models(source), str(source))
    raise NothingToServeError(f"{source} should be a configuration, a folder or a models.config; it is not there")


def build_tls(certificate: Path | None, key: Path | None, client_authority: Path | None) -> TLS | None:
    """Return the certificates of a server; None where none are given.

    Raises:
        NothingToServeError: where a certificate comes without its key, or an authority without both.
    """
    if certificate is None and key is None and client_authority is None:
        return None
    if certificate is None or key is None:
        raise NothingToServeError("--tls-certificate and --tls-key should be given together, and before an authority")
    return TLS(str(certificate), str(key), None if client_authority is None else str(client_authority))


def _one_model(name: str, base_path: str) -> ModelSource:
    if base_path.startswith("s3://"):
        raise NothingToServeError(
            f"{base_path} is in an object store that this server cannot read, as TensorFlow cannot; copy a version to "
            "FOLDER/NAME/VERSION on this machine and serve FOLDER/NAME"
        )
    if not complete_versions(base_path):
        raise NothingToServeError(f"{base_path} has no version of a model yet; `interestflow run` pushes one there")
    return ModelSource(one_model(name, base_path), None)
