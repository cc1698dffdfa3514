"""Writes the files that run stock TensorFlow Serving: for Kubernetes, and for Compose on one machine."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from interestflow.serving.certificates import CertificateError, ServerCertificates, read_certificates
from interestflow.serving.deployment.compose import compose_file
from interestflow.serving.deployment.config import DeploymentConfig, TLSConfig
from interestflow.serving.deployment.errors import DeploymentError
from interestflow.serving.deployment.kubernetes import build_manifests, tls_secret_name
from interestflow.serving.deployment.model_folder import check_model_folder
from interestflow.serving.deployment.tf_serving import BATCHING_PARAMETERS, SSL_CONFIG, server_files, ssl_config

LONGEST_NAME = 63 - len("-serving")
"""Kubernetes allows 63 characters; the ConfigMap's name is the longest."""
KUBERNETES, COMPOSE, TLS_FILE = "kubernetes.yaml", "compose.yaml", f"tls/{SSL_CONFIG}"
OPTIONAL_FILES = (COMPOSE, f"config/{BATCHING_PARAMETERS}")
"""Files that an earlier rendering may have written and a later one leaves out."""
PUBLIC, PRIVATE = 0o644, 0o600


@dataclass(frozen=True)
class Rendering:
    """What was rendered.

    Attributes:
        files: paths of the files that were written.
        notes: sentences for the user: what was checked, and what is still to do.
    """

    files: list[Path]
    notes: list[str]


def write_deployment(
    name: str, config: DeploymentConfig, models: str, folder: Path, *, unchecked: bool = False
) -> Rendering:
    """Write everything that serves the model `name` below `folder`; nothing is written where a check fails.

    Args:
        name: the model's name.
        config: the section `deployment`.
        models: the folder with the model's versions, on any file system that TensorFlow reads. The Compose file mounts
            it, and is left out where it is not local.
        folder: folder to write to; it is created if needed.
        unchecked: whether to skip the check of the folder `models`.

    Returns:
        The files (`kubernetes.yaml`, `compose.yaml`, TensorFlow Serving's own in `config`, and `tls/ssl.config` with
        mode 0600 if the configuration names certificates) and notes.

    Raises:
        ModelFolderError: where TensorFlow Serving could not serve from `models` what the configuration asks for.
        DeploymentError: for a name that Kubernetes does not allow, certificates that cannot be used, and where `folder`
            cannot be written to.
    """
    if len(name) > LONGEST_NAME or not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name):
        raise DeploymentError(
            f"`name` should have at most {LONGEST_NAME} characters and end in a letter or digit, as Kubernetes wants "
            f"it of a service, received {name!r}"
        )
    is_local = "://" not in models
    models = os.path.abspath(models) if is_local else models.rstrip("/")
    certificates = None if config.tls is None else _read_certificates(config.tls)
    versions = None if unchecked else check_model_folder(models, config)
    files = {KUBERNETES: yaml.safe_dump_all(build_manifests(name, config), sort_keys=False)}
    if is_local:
        files[COMPOSE] = yaml.safe_dump(compose_file(name, config, models), sort_keys=False)
    for file, text in server_files(name, f"/models/{name}", config).items():
        files[f"config/{file}"] = text
    if certificates is not None:
        files[TLS_FILE] = ssl_config(certificates)
    written = _write_files(folder, files)
    return Rendering(written, _notes(name, config, models, folder, versions))


def _read_certificates(tls: TLSConfig) -> ServerCertificates:
    try:
        return read_certificates(tls.certificate, tls.key, tls.client_authority)
    except CertificateError as error:
        raise DeploymentError(str(error)) from None


def _write_files(folder: Path, files: dict[str, str]) -> list[Path]:
    for file in (*files, *OPTIONAL_FILES):
        path = folder / file
        try:
            if file in files:
                path.parent.mkdir(parents=True, exist_ok=True)
                _write_file(path, files[file], PRIVATE if file == TLS_FILE else PUBLIC)
            elif path.is_file():
                path.unlink()
        except OSError as error:
            raise DeploymentError(f"{path} cannot be written: {error.strerror or error}") from None
    return [folder / file for file in files]


def _write_file(path: Path, text: str, mode: int) -> None:
    """Replace the file at once, so that a server that polls it never reads an incomplete one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def _notes(name: str, config: DeploymentConfig, models: str, folder: Path, versions: list[int] | None) -> list[str]:
    source = f"{config.model_path.rstrip('/')}/{name}"
    notes = []
    if versions is None:
        notes.append(
            f"not checked: whether {models} has the versions to serve, and whether their weights, warm-up requests and "
            "shapes are ones that TensorFlow Serving can work with"
        )
    else:
        plural = "s" if len(versions) > 1 else ""
        notes.append(f"checked version{plural} {', '.join(map(str, versions))} in {models}; pods read {source}")
    if "://" in models:
        notes.append(f"left out {COMPOSE}, which mounts a local folder")
    secret = tls_secret_name(name, config)
    if secret is not None and config.tls is not None:
        notes.append(
            f"to do: kubectl create secret generic {secret} --namespace {config.namespace} "
            f"--from-file={folder / TLS_FILE}"
        )
    elif secret is not None and "://" not in models and not (folder / TLS_FILE).is_file():
        notes.append(f"to do: Compose mounts {folder / TLS_FILE}, which is not there; `deployment.tls` would render it")
    return notes
