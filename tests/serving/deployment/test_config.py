"""The configuration section `deployment`: accepted values, and the messages for others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from interestflow.pipeline.config import ConfigurationError, load
from interestflow.serving.deployment.config import BatchingConfig, DeploymentConfig, TLSConfig

CONFIG = """
name: shop
data: {events: {path: events.csv, format: csv, user: user, item: item, timestamp: time}}
tasks: [{name: click, label: {column: click}}]
sequence: {behaviours: {column: click}}
model: {name: pooled}
"""


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"volume_claim": None},
            "`model_path` should be a bucket where there is no `volume_claim`, received '/models'",
        ),
        ({"model_path": "models"}, "`model_path` should be an absolute folder or a bucket (gs://), received 'models'"),
        ({"model_path": '/mo"dels'}, "`model_path` should be an absolute folder or a bucket"),
        ({"model_path": "s3://bucket"}, "the stock image, which reads no s3://"),
        ({"model_path": "s3://bucket", "image": "docker.io/tensorflow/serving"}, "the stock image, which reads no s3"),
        ({"replicas": 5, "max_replicas": 3}, "`max_replicas` should be at least `replicas`, 5, received 3"),
        ({"cpu": "two"}, "should be a quantity such as 2, 500m or 4Gi, received 'two'"),
        (
            {"namespace": "Ranking"},
            "should be a name that Kubernetes allows, such as ranking-models, received 'Ranking'",
        ),
        ({"labels": {'a" b': 3}}, "should be named in letters, digits"),
        ({"labels": {"stable": 0}}, "greater than or equal to 1"),
        ({"grpc_threads": 0}, "greater than or equal to 1"),
        ({"batching": {"max_batch_size": 0}}, "greater than or equal to 1"),
        ({"batching": {"num_batch_threads": 0}}, "greater than or equal to 1"),
        ({"batching": {"allowed_batch_sizes": [1, 2]}}, "Extra inputs are not permitted"),
        ({"batching": {"pad_variable_length_inputs": True}}, "Extra inputs are not permitted"),
        (
            {"batching": {}, "grpc_threads": 127},
            "`grpc_threads` should be at least `batching.max_batch_size`, 128, received 127",
        ),
        ({"tls": {"certificate": "tls.crt"}}, "Field required"),
    ],
)
def test_what_cannot_be_deployed_is_named(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(sentence)):
        DeploymentConfig.model_validate(given)


def test_numbers_may_stand_for_quantities() -> None:
    assert DeploymentConfig.model_validate({"cpu": 2, "memory": "1.5Gi"}).cpu == "2"


def test_an_image_of_ones_own_may_read_s3() -> None:
    image = "registry.example:5000/tensorflow/serving:2.21.0-s3"
    assert DeploymentConfig(model_path="s3://bucket", image=image).image == image


def test_a_mistake_is_told_with_its_key_and_line(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(CONFIG + "deployment:\n  replicas: 2\n  cpu: two\n")
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    # The text begins with an empty line: six of CONFIG, then `deployment:` is line 7 and `cpu` line 9.
    assert str(caught.value) == (
        f"`deployment.cpu` should be a quantity such as 2, 500m or 4Gi, received 'two' ({path}, line 9)"
    )


def test_it_changes_neither_training_nor_evaluation(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(CONFIG)
    plain = load(path)
    path.write_text(CONFIG + "deployment: {replicas: 7}\n")
    other = load(path)
    assert other.deployment.replicas == 7
    assert other.for_training() == plain.for_training()
    assert other.for_evaluation() == plain.for_evaluation()


def test_batching_is_off_unless_it_is_asked_for() -> None:
    assert DeploymentConfig().batching is None
    assert DeploymentConfig.model_validate({"batching": None}).batching is None
    assert DeploymentConfig.model_validate({"batching": {}}).batching == BatchingConfig(
        max_batch_size=128, batch_timeout_micros=1000, max_enqueued_batches=100, num_batch_threads=4
    )


@pytest.mark.parametrize(
    ("given", "threads"),
    [
        ({}, 64),
        ({"grpc_threads": 4}, 4),
        ({"batching": {}}, 128),
        ({"batching": {"max_batch_size": 32}}, 64),
        ({"batching": {"max_batch_size": 32}, "grpc_threads": 32}, 32),
    ],
)
def test_there_are_threads_to_fill_a_batch(given: dict[str, Any], threads: int) -> None:
    assert DeploymentConfig.model_validate(given).max_grpc_threads == threads


@pytest.mark.parametrize("key", ["max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads"])
def test_keys_of_batching_have_moved(key: str, tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(CONFIG + f"deployment:\n  replicas: 2\n  {key}: 8\n")
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    assert str(caught.value) == (
        f"`deployment.{key}` should stand in the section `batching`, received it beside that section ({path}, line 9)"
    )


def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(CONFIG + "deployment: {batching: {max_batch_sise: 8}}\n")
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    assert str(caught.value) == (
        "`deployment.batching.max_batch_sise` is not a key that is known here; did you mean `max_batch_size`? "
        f"({path}, line 7)"
    )


def test_certificates_lie_beside_the_configuration(tmp_path: Path) -> None:
    config = DeploymentConfig.model_validate({"tls": {"certificate": "tls.crt", "key": "/etc/tls.key"}})
    assert config.resolve_paths(tmp_path).tls == TLSConfig(certificate=tmp_path / "tls.crt", key=Path("/etc/tls.key"))
    assert DeploymentConfig().resolve_paths(tmp_path) == DeploymentConfig()
