"""The `model` section (tests/pipeline/test_config.py has the file that it stands in)."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from interestflow.models import registry
from interestflow.models.hyperparameters import ModelHyperparameters
from interestflow.models.model_config import ModelConfig
from interestflow.models.rankers.din_spec import DINHyperparameters
from interestflow.models.rankers.pooled_spec import PooledHyperparameters

ADAPTER: TypeAdapter[ModelHyperparameters] = TypeAdapter(ModelConfig)


def test_the_name_picks_the_hyperparameters() -> None:
    config = ADAPTER.validate_python({"name": "din", "attention_units": [8], "attention_normalization": "softmax"})
    assert config == DINHyperparameters(attention_units=(8,), attention_normalization="softmax")
    assert ADAPTER.validate_python({"name": "pooled"}) == PooledHyperparameters()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "dien2"}, "`name` should be one of bpr_mf, .*, dien, diffumin, din, .*, received 'dien2'"),
        ({"name": "pooled", "attention_units": [8]}, "attention_units"),
        ({"name": "din", "embedding_dimension": 0}, "greater than or equal to 1"),
        ({"name": "din", "dropout": 1.0}, "less than 1"),
        ({"name": "din", "attention_normalization": "layer"}, "'none' or 'softmax'"),
    ],
)
def test_what_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python(values)


def test_hyperparameters_survive_json() -> None:
    """As a saved model keeps them."""
    for spec in registry.specs():
        kind = spec.hyperparameters
        assert kind.model_validate(kind().model_dump(mode="json")) == kind()


def test_reading_a_configuration_imports_no_keras() -> None:
    program = "import sys, interestflow.pipeline.config; sys.exit(bool({'keras', 'tensorflow'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
