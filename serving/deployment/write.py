"""Writes the files that run stock TF Serving: for Kubernetes, and for Compose on one machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from serving.deployment.config import DeploymentConfig
from serving.deployment.kubernetes import image, manifests
from serving.deployment.tf_serving import (
    CONFIG_FOLDER,
    GRPC_PORT,
    PROGRAM,
    REST_PORT,
    TLS_FOLDER,
    arguments,
    serving_files,
)

LONGEST_NAME = 63 - len("-serving")
"""Kubernetes allows 63 characters; the ConfigMap's name is the longest."""


class DeploymentError(Exception):
    """Files that cannot be made or written; the message says why in one sentence."""


def write_deployment(name: str, config: DeploymentConfig, local_models: str, folder: Path) -> list[Path]:
    """Writes everything that serves the model `name` below `folder`.

    Args:
        name: of the model.
        config: the section `deployment`.
        local_models: where the pipeline pushes to here, for the Compose file.
        folder: made where it is not there.

    Returns:
        The files: `kubernetes.yaml`, `compose.yaml`, and TF Serving's own three in `config`, which Compose mounts.

    Raises:
        DeploymentError: for a name that Kubernetes does not allow, and where `folder` cannot be written to.
    """
    if len(name) > LONGEST_NAME or not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name):
        raise DeploymentError(
            f"`name` should have at most {LONGEST_NAME} characters and end in a letter or digit, as Kubernetes wants "
            f"it of a service, received {name!r}"
        )
    files = {
        "kubernetes.yaml": yaml.safe_dump_all(manifests(name, config), sort_keys=False),
        "compose.yaml": yaml.safe_dump(compose(name, config, local_models), sort_keys=False),
        **{f"config/{file}": text for file, text in serving_files(name, f"/models/{name}", config).items()},
    }
    written = []
    for file, text in files.items():
        path = folder / file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise DeploymentError(f"{path} cannot be written: {error.strerror or error}") from None
        written.append(path)
    return written


def compose(name: str, config: DeploymentConfig, local_models: str) -> dict[str, Any]:
    """The stock image on this machine, with the folder `local_models` that the pipeline pushes to."""
    mounts = {local_models: f"/models/{name}", "./config": CONFIG_FOLDER}
    if config.tls_secret is not None:
        mounts["./tls"] = TLS_FOLDER
    service: dict[str, Any] = {
        "image": image(config),
        # The image's own entry point would add another model's name and path.
        "entrypoint": [PROGRAM],
        "command": arguments(config),
        # TF Serving ends at SIGTERM only where it is not the container's first process.
        "init": True,
        "ports": [f"{port}:{port}" for port in (GRPC_PORT, REST_PORT)],
        "volumes": [_mount(source, target) for source, target in mounts.items()],
        # It listens once its models are loaded. The image has no program that asks over HTTP.
        "healthcheck": {
            "test": ["CMD", "bash", "-c", f"</dev/tcp/127.0.0.1/{REST_PORT}"],
            "interval": "5s",
            "timeout": "5s",
            "start_period": f"{config.startup_seconds}s",
        },
        "read_only": True,
        "tmpfs": ["/tmp"],
        "security_opt": ["no-new-privileges:true"],
        "restart": "unless-stopped",
    }
    if config.gpus:
        device = {"driver": "nvidia", "count": config.gpus, "capabilities": ["gpu"]}
        service["deploy"] = {"resources": {"reservations": {"devices": [device]}}}
    return {"services": {name: service}}


def _mount(source: str, target: str) -> dict[str, Any]:
    # Compose fills in variables, and would make a folder that is not there.
    return {
        "type": "bind",
        "source": source.replace("$", "$$"),
        "target": target,
        "read_only": True,
        "bind": {"create_host_path": False},
    }
