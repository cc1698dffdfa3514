"""TF Serving's own files, read back as its messages; what it is started with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from serving.deployment.config import DeploymentConfig
from serving.deployment.tf_serving import arguments, serving_files
from serving.server.configuration import Batching, read_batching, read_models


def model_of(config: DeploymentConfig, folder: Path) -> Any:
    path = folder / "models.config"
    path.write_text(serving_files("shop", "/models/shop", config)["models.config"])
    (model,) = read_models(path).model_config_list.config
    return model


def test_the_newest_versions_are_served(tmp_path: Path) -> None:
    model = model_of(DeploymentConfig(versions_kept=3), tmp_path)
    assert (model.name, model.base_path, model.model_platform) == ("shop", "/models/shop", "tensorflow")
    assert model.model_version_policy.WhichOneof("policy_choice") == "latest"
    assert model.model_version_policy.latest.num_versions == 3
    assert not model.version_labels


def test_versions_with_labels_are_served_and_no_others(tmp_path: Path) -> None:
    model = model_of(DeploymentConfig(labels={"stable": 3, "canary": 4}), tmp_path)
    assert dict(model.version_labels) == {"stable": 3, "canary": 4}
    assert list(model.model_version_policy.specific.versions) == [3, 4]


def test_a_version_stays_for_a_rollback_after_its_label_has_moved(tmp_path: Path) -> None:
    model = model_of(DeploymentConfig(labels={"stable": 4, "canary": 4}, versions=(5, 3)), tmp_path)
    assert dict(model.version_labels) == {"stable": 4, "canary": 4}
    assert list(model.model_version_policy.specific.versions) == [3, 4, 5]


def test_batches_grow_by_doubling_to_the_largest(tmp_path: Path) -> None:
    path = tmp_path / "batching_parameters.txt"
    path.write_text(serving_files("shop", "/models/shop", DeploymentConfig())[path.name])
    assert read_batching(path) == Batching(64, 1000, 100, 4, (1, 2, 4, 8, 16, 32, 64))
    given = DeploymentConfig(max_batch_size=48, batch_timeout_micros=0, max_enqueued_batches=7, num_batch_threads=2)
    path.write_text(serving_files("shop", "/models/shop", given)[path.name])
    assert read_batching(path) == Batching(48, 0, 7, 2, (1, 2, 4, 8, 16, 32, 48))
    path.write_text(serving_files("shop", "/models/shop", DeploymentConfig(max_batch_size=1))[path.name])
    assert read_batching(path).allowed_batch_sizes == (1,)


def test_metrics_are_offered() -> None:
    read = text_format.Parse(
        serving_files("shop", "/models/shop", DeploymentConfig())["monitoring.config"], monitoring_config()
    )
    assert (read.prometheus_config.enable, read.prometheus_config.path) == (True, "/monitoring/prometheus/metrics")


def test_it_is_started_with_its_files() -> None:
    assert arguments(DeploymentConfig(poll_seconds=5)) == [
        "--port=8500",
        "--rest_api_port=8501",
        "--model_config_file=/config/models.config",
        "--model_config_file_poll_wait_seconds=5",
        "--file_system_poll_wait_seconds=5",
        "--monitoring_config_file=/config/monitoring.config",
        "--enable_batching=true",
        "--batching_parameters_file=/config/batching_parameters.txt",
        "--allow_version_labels_for_unavailable_models=true",
        "--grpc_channel_arguments=grpc.max_connection_age_ms=30000,grpc.max_connection_age_grace_ms=10000",
    ]
    assert arguments(DeploymentConfig(tls_secret="ranking-tls"))[-1] == "--ssl_config_file=/tls/ssl.config"


def monitoring_config() -> Any:
    """TF Serving's message MonitoringConfig (monitoring_config.proto), which its Python package leaves out."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="test/monitoring.proto", package="test", syntax="proto3")
    prometheus = file.message_type.add(name="PrometheusConfig")
    prometheus.field.add(name="enable", number=1, type=field.TYPE_BOOL, label=field.LABEL_OPTIONAL)
    prometheus.field.add(name="path", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    monitoring = file.message_type.add(name="MonitoringConfig")
    monitoring.field.add(
        name="prometheus_config",
        number=1,
        type=field.TYPE_MESSAGE,
        type_name=".test.PrometheusConfig",
        label=field.LABEL_OPTIONAL,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("test.MonitoringConfig"))()
