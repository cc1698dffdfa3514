"""What the section `deployment` may say, and the sentence for what it may not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.config import ConfigurationError, load
from serving.deployment.config import DeploymentConfig

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
        ({"replicas": 5, "most_replicas": 3}, "`most_replicas` should be at least `replicas`, 5, received 3"),
        ({"cpu": "two"}, "should be a quantity such as 2, 500m or 4Gi, received 'two'"),
        (
            {"namespace": "Ranking"},
            "should be a name that Kubernetes allows, such as ranking-models, received 'Ranking'",
        ),
        ({"labels": {'a" b': 3}}, "should be named in letters, digits"),
        ({"labels": {"stable": 0}}, "greater than or equal to 1"),
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
