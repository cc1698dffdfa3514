"""DIN trains alike with each switch of the `training` section: half precision, XLA, several steps an execution."""

from __future__ import annotations

from typing import Any

import pytest

from interestflow.models.rankers.base import Ranker
from interestflow.models.registry import build_ranker
from interestflow.models.training_config import OptimizerConfig, TrainingConfig
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.loop import TrainingResult, train
from tests.models.support.random_features import PLAIN
from tests.models.support.random_split import make_split

ROWS, BATCH = 240, 40


def split() -> Split:
    """Return few rows, which many epochs overfit only if every step counts."""
    return make_split(PLAIN, ROWS)


def build() -> Ranker:
    sizes = {"embedding_dimension": 8, "attention_units": (16,), "tower_units": (32,)}
    statistics = {"attention_activation": "dice", "batch_normalization": True}
    return build_ranker("din", PLAIN, {**sizes, **statistics, "mini_batch_aware_l2": 1e-4}, [1] * 21)


def trained(**switches: Any) -> TrainingResult:
    config = TrainingConfig(
        batch_size=BATCH,
        epochs=10,
        optimizer=OptimizerConfig(name="lazy_adam", learning_rate=0.02),
        early_stopping=None,
        **switches,
    )
    return train(config, build, split(), split())


@pytest.fixture(scope="module")
def plain() -> float:
    return trained().summary["training_loss"]


@pytest.mark.parametrize("switches", [{"mixed_precision": True}, {"xla": True}, {"steps_per_execution": 3}], ids=str)
def test_each_switch_learns_as_much(plain: float, switches: dict[str, Any]) -> None:
    """It is ln 2, 0.69, before; half precision rounds to three digits, which training feels a little."""
    assert plain < 0.4
    outcome = trained(**switches)
    assert outcome.summary["training_loss"] == pytest.approx(plain, rel=0.15 if "mixed_precision" in switches else 0.03)
    assert outcome.model.compute_dtype == "float32"
