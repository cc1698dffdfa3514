"""What TF Serving's program is started with: its arguments, and its own configuration files."""

from __future__ import annotations

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.deployment.config import DeploymentConfig

GRPC_PORT, REST_PORT = 8500, 8501
PROGRAM = "/usr/bin/tensorflow_model_server"
CONFIG_FOLDER, TLS_FOLDER = "/config", "/tls"
METRICS = "/monitoring/prometheus/metrics"
CONNECTION_SECONDS, CONNECTION_GRACE_SECONDS = 30, 10
"""After the first a client is told to connect anew, perhaps to another server; the second is for its last requests."""


def serving_files(name: str, base_path: str, config: DeploymentConfig) -> dict[str, str]:
    """`models.config`, `batching_parameters.txt` and `monitoring.config`, in protobuf's text format.

    Args:
        name: of the model.
        base_path: the folder with its versions, as the server sees it.
        config: the section `deployment`.
    """
    return {
        "models.config": _models(name, base_path, config),
        "batching_parameters.txt": _batching(config),
        "monitoring.config": f'prometheus_config {{ enable: true path: "{METRICS}" }}\n',
    }


def arguments(config: DeploymentConfig) -> list[str]:
    """Of TF Serving's program."""
    connections = {
        "grpc.max_connection_age_ms": 1000 * CONNECTION_SECONDS,
        "grpc.max_connection_age_grace_ms": 1000 * CONNECTION_GRACE_SECONDS,
    }
    given = [
        f"--port={GRPC_PORT}",
        f"--rest_api_port={REST_PORT}",
        f"--model_config_file={CONFIG_FOLDER}/models.config",
        f"--model_config_file_poll_wait_seconds={config.poll_seconds}",
        f"--file_system_poll_wait_seconds={config.poll_seconds}",
        f"--monitoring_config_file={CONFIG_FOLDER}/monitoring.config",
        "--enable_batching=true",
        f"--batching_parameters_file={CONFIG_FOLDER}/batching_parameters.txt",
        # When the server starts nothing is loaded yet, and it would refuse every label.
        "--allow_version_labels_for_unavailable_models=true",
        # A client keeps to one connection, hence to one pod: new pods would get no requests, old ones could not end.
        f"--grpc_channel_arguments={','.join(f'{key}={value}' for key, value in connections.items())}",
    ]
    if config.tls_secret is not None:
        given.append(f"--ssl_config_file={TLS_FOLDER}/ssl.config")
    return given


def _models(name: str, base_path: str, config: DeploymentConfig) -> str:
    server = model_server_config_pb2.ModelServerConfig()
    model = server.model_config_list.config.add(name=name, base_path=base_path, model_platform="tensorflow")
    # A label needs its version loaded, however many newer ones there are.
    served = sorted({*config.versions, *config.labels.values()})
    if served:
        model.model_version_policy.specific.versions.extend(served)
    else:
        model.model_version_policy.latest.num_versions = config.versions_kept
    model.version_labels.update(config.labels)
    return text_format.MessageToString(server)


def _batching(config: DeploymentConfig) -> str:
    sizes = [2**power for power in range(config.max_batch_size.bit_length()) if 2**power < config.max_batch_size]
    return "".join(
        (
            f"max_batch_size {{ value: {config.max_batch_size} }}\n",
            f"batch_timeout_micros {{ value: {config.batch_timeout_micros} }}\n",
            f"max_enqueued_batches {{ value: {config.max_enqueued_batches} }}\n",
            f"num_batch_threads {{ value: {config.num_batch_threads} }}\n",
            *(f"allowed_batch_sizes: {size}\n" for size in [*sizes, config.max_batch_size]),
        )
    )
