"""TensorFlow Serving's own files and flags, word for word, and read back as its messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

from interestflow.serving.certificates import ServerCertificates
from interestflow.serving.deployment.config import BatchingConfig, DeploymentConfig
from interestflow.serving.deployment.tf_serving import server_files, server_flags, server_image, ssl_config
from interestflow.serving.server.configuration import Batching, read_batching, read_models
from tests.serving.deployment.start_rules import monitoring_config_message, ssl_config_message

FLAGS = [
    "--port=8500",
    "--rest_api_port=8501",
    "--model_config_file=/config/models.config",
    "--model_config_file_poll_wait_seconds=30",
    "--file_system_poll_wait_seconds=30",
    "--monitoring_config_file=/config/monitoring.config",
    "--grpc_max_threads=64",
    "--max_num_load_retries=0",
    "--allow_version_labels_for_unavailable_models=true",
    "--grpc_channel_arguments=grpc.max_connection_age_ms=30000,grpc.max_connection_age_grace_ms=10000",
]
NEWEST = """model_config_list {
  config {
    name: "shop"
    base_path: "/models/shop"
    model_platform: "tensorflow"
    model_version_policy {
      latest {
        num_versions: 2
      }
    }
  }
}
"""
LABELLED = """model_config_list {
  config {
    name: "shop"
    base_path: "/models/shop"
    model_platform: "tensorflow"
    model_version_policy {
      specific {
        versions: 3
        versions: 4
      }
    }
    version_labels {
      key: "stable"
      value: 3
    }
  }
}
"""
BATCHED = """max_batch_size { value: 128 }
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 4 }
"""
MONITORING = 'prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }\n'


def files(config: DeploymentConfig) -> dict[str, str]:
    return server_files("shop", "/models/shop", config)


def model_of(config: DeploymentConfig, folder: Path) -> Any:
    path = folder / "models.config"
    path.write_text(files(config)["models.config"])
    (model,) = read_models(path).model_config_list.config
    return model


def test_a_version_in_a_bucket_is_tried_again_until_its_last_file_is_there() -> None:
    flags = server_flags(DeploymentConfig(model_path="gs://bucket/models", volume_claim=None))
    assert {"--max_num_load_retries=4", "--load_retry_interval_micros=15000000"} <= set(flags)
    assert "--max_num_load_retries=0" not in flags


def test_files_word_for_word() -> None:
    assert files(DeploymentConfig()) == {"models.config": NEWEST, "monitoring.config": MONITORING}
    assert files(DeploymentConfig(batching=BatchingConfig())) == {
        "models.config": NEWEST,
        "monitoring.config": MONITORING,
        "batching_parameters.txt": BATCHED,
    }
    assert files(DeploymentConfig(labels={"stable": 3}, versions=(4,)))["models.config"] == LABELLED


def test_the_newest_versions_are_served(tmp_path: Path) -> None:
    model = model_of(DeploymentConfig(num_versions=3), tmp_path)
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


def test_batching_is_off_unless_it_is_asked_for() -> None:
    assert "batching_parameters.txt" not in files(DeploymentConfig())
    assert not [flag for flag in server_flags(DeploymentConfig()) if "batching" in flag]


def test_batches_have_neither_allowed_sizes_nor_padding(tmp_path: Path) -> None:
    path = tmp_path / "batching_parameters.txt"
    path.write_text(files(DeploymentConfig(batching=BatchingConfig()))[path.name])
    assert read_batching(path) == Batching(128, 1000, 100, 4, (), False)
    given = BatchingConfig(max_batch_size=48, batch_timeout_micros=0, max_enqueued_batches=7, num_batch_threads=2)
    path.write_text(files(DeploymentConfig(batching=given))[path.name])
    assert read_batching(path) == Batching(48, 0, 7, 2, (), False)


def test_metrics_are_offered() -> None:
    read = text_format.Parse(files(DeploymentConfig())["monitoring.config"], monitoring_config_message())
    assert (read.prometheus_config.enable, read.prometheus_config.path) == (True, "/monitoring/prometheus/metrics")


def test_flags() -> None:
    assert server_flags(DeploymentConfig()) == FLAGS
    polled = server_flags(DeploymentConfig(poll_seconds=5))
    assert polled[3:5] == ["--model_config_file_poll_wait_seconds=5", "--file_system_poll_wait_seconds=5"]


def test_flags_with_batching() -> None:
    assert server_flags(DeploymentConfig(batching=BatchingConfig())) == [
        *(flag.replace("threads=64", "threads=128") for flag in FLAGS),
        "--enable_batching=true",
        "--batching_parameters_file=/config/batching_parameters.txt",
    ]


@pytest.mark.parametrize("tls", [{"tls_secret": "ranking-tls"}, {"tls": {"certificate": "tls.crt", "key": "tls.key"}}])
def test_flags_with_tls(tls: dict[str, Any]) -> None:
    assert server_flags(DeploymentConfig.model_validate(tls)) == [*FLAGS, "--ssl_config_file=/tls/ssl.config"]


def test_ssl_config_holds_the_text_itself() -> None:
    text = ssl_config(ServerCertificates(b"-----CERT-----\nab\n", b"-----KEY-----\ncd\n"))
    assert text == 'server_key: "-----KEY-----\\ncd\\n"\nserver_cert: "-----CERT-----\\nab\\n"\n'
    read = text_format.Parse(text, ssl_config_message())
    assert (read.server_key, read.server_cert) == ("-----KEY-----\ncd\n", "-----CERT-----\nab\n")
    assert (read.custom_ca, read.client_verify) == ("", False)


def test_ssl_config_that_asks_clients_for_certificates() -> None:
    read = text_format.Parse(ssl_config(ServerCertificates(b"cert\n", b"key\n", b"ca\n")), ssl_config_message())
    assert (read.server_key, read.server_cert, read.custom_ca, read.client_verify) == ("key\n", "cert\n", "ca\n", True)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("tensorflow/serving:2.19.1", "tensorflow/serving:2.19.1-gpu"),
        ("docker.io/tensorflow/serving", "docker.io/tensorflow/serving:latest-gpu"),
        ("tensorflow/serving:2.19.1-gpu", "tensorflow/serving:2.19.1-gpu"),
        ("tensorflow/serving@sha256:0a", "tensorflow/serving@sha256:0a"),
        ("registry.example:5000/serving", "registry.example:5000/serving"),
    ],
)
def test_only_a_stock_image_is_replaced_by_its_gpu_variant(given: str, expected: str) -> None:
    assert server_image(DeploymentConfig(image=given, gpus=1)) == expected
    assert server_image(DeploymentConfig(image=given)) == given
