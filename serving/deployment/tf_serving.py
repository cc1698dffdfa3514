"""Flags and configuration files of TensorFlow Serving."""

from __future__ import annotations

import json

from google.protobuf import text_format

from interestflow.serving.certificates import ServerCertificates
from interestflow.serving.deployment.config import STOCK_IMAGE, BatchingConfig, DeploymentConfig
from interestflow.serving.server.configuration import METRICS_PATH, one_model

GRPC_PORT, REST_PORT = 8500, 8501
PROGRAM = "/usr/bin/tensorflow_model_server"
CONFIG_FOLDER, TLS_FOLDER = "/config", "/tls"
MODELS_CONFIG, BATCHING_PARAMETERS, MONITORING_CONFIG = "models.config", "batching_parameters.txt", "monitoring.config"
SSL_CONFIG = "ssl.config"
BUCKET_RETRIES, BUCKET_RETRY_SECONDS = 4, 15
"""Retries for a minute in all, by when a version in a bucket should be complete."""
CONNECTION_SECONDS, CONNECTION_GRACE_SECONDS = 30, 10
"""Age limit of a connection, and the time for its last requests to end. The client then reconnects, perhaps to another
server."""


def server_files(name: str, base_path: str, config: DeploymentConfig) -> dict[str, str]:
    """Return TensorFlow Serving's configuration files, in protobuf's text format, by file name.

    Args:
        name: the model's name.
        base_path: the folder with its versions, as the server sees it.
        config: the section `deployment`.
    """
    files = {
        MODELS_CONFIG: _models_config(name, base_path, config),
        MONITORING_CONFIG: f'prometheus_config {{ enable: true path: "{METRICS_PATH}" }}\n',
    }
    if config.batching is not None:
        files[BATCHING_PARAMETERS] = _batching_parameters(config.batching)
    return files


def ssl_config(certificates: ServerCertificates) -> str:
    """Return TensorFlow Serving's `ssl.config`, which holds the PEM text itself, the private key included."""
    fields = {"server_key": certificates.key, "server_cert": certificates.certificate}
    if certificates.client_authority is not None:
        fields["custom_ca"] = certificates.client_authority
    lines = [f"{field}: {json.dumps(pem.decode('ascii'))}\n" for field, pem in fields.items()]
    if certificates.client_authority is not None:
        lines.append("client_verify: true\n")
    return "".join(lines)


def server_flags(config: DeploymentConfig) -> list[str]:
    """Return the command-line flags of TensorFlow Serving's program."""
    connections = {
        "grpc.max_connection_age_ms": 1000 * CONNECTION_SECONDS,
        "grpc.max_connection_age_grace_ms": 1000 * CONNECTION_GRACE_SECONDS,
    }
    flags = [
        f"--port={GRPC_PORT}",
        f"--rest_api_port={REST_PORT}",
        f"--model_config_file={CONFIG_FOLDER}/{MODELS_CONFIG}",
        f"--model_config_file_poll_wait_seconds={config.poll_seconds}",
        f"--file_system_poll_wait_seconds={config.poll_seconds}",
        f"--monitoring_config_file={CONFIG_FOLDER}/{MONITORING_CONFIG}",
        # Requests beyond this limit are refused, and the default, four for each CPU, is too low for a busy pod.
        f"--grpc_max_threads={config.max_grpc_threads}",
        *_load_retries(config),
        # When the server starts nothing is loaded yet, so labels would end it.
        "--allow_version_labels_for_unavailable_models=true",
        # A client uses one connection, hence one pod: new pods would get no requests, and old ones could not end.
        f"--grpc_channel_arguments={','.join(f'{key}={value}' for key, value in connections.items())}",
    ]
    if config.batching is not None:
        # Pass both flags or none: the file alone ends the server at its start.
        flags += ["--enable_batching=true", f"--batching_parameters_file={CONFIG_FOLDER}/{BATCHING_PARAMETERS}"]
    if config.uses_tls:
        flags.append(f"--ssl_config_file={TLS_FOLDER}/{SSL_CONFIG}")
    return flags


def server_image(config: DeploymentConfig) -> str:
    """Return the image to run: with GPUs, the stock one's variant for GPUs."""
    image = config.image
    if not config.gpus or not STOCK_IMAGE.fullmatch(image) or "@" in image or image.endswith("-gpu"):
        return image
    return f"{image}-gpu" if ":" in image else f"{image}:latest-gpu"


def metadata_path(name: str) -> str:
    """Return the REST path that is answered with 200 only while the model `name` has a version that serves."""
    return f"/v1/models/{name}/metadata"


def _load_retries(config: DeploymentConfig) -> list[str]:
    """Return the flags for how often TensorFlow Serving retries a version that does not load.

    With the default, five retries a minute apart, a broken version keeps newer ones from being loaded for minutes. A
    folder needs no retries, since complete versions are moved into it. In a bucket a version appears file by file:
    without retries, the server would permanently give up a version that is incomplete when it looks.
    """
    if config.model_path.startswith("/"):
        return ["--max_num_load_retries=0"]
    return [
        f"--max_num_load_retries={BUCKET_RETRIES}",
        f"--load_retry_interval_micros={1_000_000 * BUCKET_RETRY_SECONDS}",
    ]


def _models_config(name: str, base_path: str, config: DeploymentConfig) -> str:
    server = one_model(name, base_path)
    model = server.model_config_list.config[0]
    # A label needs its version loaded, however many newer ones there are.
    if config.pinned_versions:
        model.model_version_policy.specific.versions.extend(config.pinned_versions)
    else:
        model.model_version_policy.latest.num_versions = config.num_versions
    model.version_labels.update(config.labels)
    return text_format.MessageToString(server)


def _batching_parameters(batching: BatchingConfig) -> str:
    # Left out are `allowed_batch_sizes`, with which a request without rows ends the server, and
    # `pad_variable_length_inputs`, which pads histories with a behaviour.
    return "".join(f"{key} {{ value: {value} }}\n" for key, value in batching)
