"""Compose file that runs stock TensorFlow Serving on this machine."""

from __future__ import annotations

from typing import Any

from interestflow.serving.deployment.config import DeploymentConfig
from interestflow.serving.deployment.tf_serving import (
    CONFIG_FOLDER,
    GRPC_PORT,
    PROGRAM,
    REST_PORT,
    SSL_CONFIG,
    TLS_FOLDER,
    metadata_path,
    server_flags,
    server_image,
)


def compose_file(name: str, config: DeploymentConfig, models: str) -> dict[str, Any]:
    """Return the content of `compose.yaml`, which mounts the folders `config` and `tls` next to it.

    Args:
        name: the model's name.
        config: the section `deployment`.
        models: the local folder with the model's versions.
    """
    mounts = {models: f"/models/{name}", "./config": CONFIG_FOLDER}
    if config.uses_tls:
        # Mount the file rather than its folder: Compose refuses to mount a missing file; the server would abort.
        mounts[f"./tls/{SSL_CONFIG}"] = f"{TLS_FOLDER}/{SSL_CONFIG}"
    service: dict[str, Any] = {
        "image": server_image(config),
        # The image's own entry point would add another model's name and path.
        "entrypoint": [PROGRAM],
        "command": server_flags(config),
        # TensorFlow Serving ends at SIGTERM only where it is not the first process of its container.
        "init": True,
        "ports": [f"{port}:{port}" for port in (GRPC_PORT, REST_PORT)],
        "volumes": [_mount(source, target) for source, target in mounts.items()],
        "healthcheck": {
            "test": ["CMD", "bash", "-c", _escape(health_command(name, REST_PORT))],
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


def health_command(name: str, port: int) -> str:
    """Return a command for bash that succeeds while the server at `port` has a version of the model `name` to serve.

    The image has bash, but no program that asks over HTTP.
    """
    request = rf"GET {metadata_path(name)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    asks = f"exec 3<>/dev/tcp/127.0.0.1/{port} && printf '{request}' >&3"
    return f'{asks} && read -r _ status _ <&3 && [ "$status" = 200 ]'


def _mount(source: str, target: str) -> dict[str, Any]:
    return {
        "type": "bind",
        "source": _escape(source),
        "target": target,
        "read_only": True,
        "bind": {"create_host_path": False},  # Compose would create an empty folder in place of a missing file
    }


def _escape(text: str) -> str:
    """Escape the sign by which Compose recognizes variables."""
    return text.replace("$", "$$")
