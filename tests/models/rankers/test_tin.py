"""Temporal Interest Network: order and time of behaviours affect each candidate differently."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from interestflow.models.inputs import ModelInputs
from interestflow.models.optimizers.row_sparse import LazyAdam
from interestflow.models.rankers.tin import TIN
from interestflow.models.registry import build_ranker
from interestflow.transforms.area_under_curve import area_under_curve as auc
from tests.models.support.random_features import PLAIN, RICH, make_features, move_weights


def tin(inputs: ModelInputs, **hyperparameters: Any) -> TIN:
    """Build the model with randomized weights, as after some training."""
    ranker = build_ranker("tin", inputs, {"embedding_dimension": 4, "tower_units": (8,), **hyperparameters})
    move_weights(ranker, scale=1.0)
    return ranker


def clicks(ranker: Any, features: dict[str, np.ndarray]) -> np.ndarray:
    return np.asarray(ranker(features)["click"])


def mixed(features: dict[str, np.ndarray], *unchanged: str) -> dict[str, np.ndarray]:
    """Return the same behaviours in another order; the features named in `unchanged` keep their order."""
    order = np.random.default_rng(2).permutation(features["history_item"].shape[1])
    return {
        name: values[:, order] if name.startswith("history_") and name not in unchanged else values
        for name, values in features.items()
    }


@pytest.mark.parametrize("representation", ["exact", "released"])
@pytest.mark.parametrize("encoding", ["position", "gap", "both"])
def test_the_order_matters_through_the_temporal_encoding_alone(encoding: str, representation: str) -> None:
    ranker = tin(RICH, temporal_encoding=encoding, target_representation=representation)
    features = make_features(RICH, 9, full=True)
    other = mixed(features, "history_age")
    assert np.median(np.abs(clicks(ranker, other) - clicks(ranker, features))) > 0.01
    for table in (ranker.positions, ranker.gaps):
        if table is not None:
            table.table.assign(np.zeros(table.table.shape))
    np.testing.assert_allclose(clicks(ranker, other), clicks(ranker, features), rtol=1e-4, atol=1e-5)


def test_by_gap_behaviours_may_change_places_with_their_times() -> None:
    ranker = tin(RICH, temporal_encoding="gap")
    features = make_features(RICH, 9, full=True)
    np.testing.assert_allclose(clicks(ranker, mixed(features)), clicks(ranker, features), rtol=1e-4, atol=1e-5)


def test_the_representation_by_hand() -> None:
    """Items are (i), P[t] is (t / 10), d = 1: k = (2.2, 4.1), q = 3, and weights softmax(k q)."""
    inputs = ModelInputs(tasks=("click",), item_rows=5, history_length=3, history_age_buckets=2)
    ranker = build_ranker("tin", inputs, {"embedding_dimension": 1, "tower_units": (1,), "activation": "relu"})
    ranker.encoder.items.items.table.assign(np.arange(5.0)[:, None])
    ranker.positions.table.assign(np.arange(4.0)[:, None] / 10)
    ranker.head.tower.dense[0].kernel.assign([[1.0], [10.0]])
    ranker.head.score.kernel.assign([[2.0]])
    features = {"item": np.array([3]), "history_item": np.array([[2, 4, 0]]), "history_age": np.array([[1, 1, 0]])}
    keys = np.array([2.2, 4.1])
    weights = np.exp(3.0 * keys) / np.exp(3.0 * keys).sum()
    u = 3.0 * float(weights @ keys)
    np.testing.assert_allclose(clicks(ranker, features), [2.0 * (u + 10.0 * 3.0)], rtol=1e-5)


def test_an_older_history_changes_no_place_of_the_newer() -> None:
    """The newest is at distance 1 however many came before it: counted from the beginning it would not be."""
    ranker = tin(PLAIN)
    one = {
        "item": np.array([3]),
        "history_item": np.array([[7, 0, 0, 0, 0, 0]]),
        "history_age": np.array([[1] + [0] * 5]),
    }
    user = ranker.encode_user(one)
    two = one | {"history_item": np.array([[5, 7, 0, 0, 0, 0]]), "history_age": np.array([[1, 1, 0, 0, 0, 0]])}
    np.testing.assert_allclose(ranker.encode_user(two)["history"][0, 1], user["history"][0, 0], rtol=1e-6)


CATEGORIES, LENGTH = 10, 12
ORDERED = ModelInputs(
    tasks=("click",),
    item_rows=CATEGORIES + 1,
    history_length=LENGTH,
    history_age_buckets=4,
)


def recent_or_not(count: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return histories with the target's category once, among the last two behaviours (label 1) or before (0).

    How often it occurs says nothing, so that a sum over the history cannot tell, whatever its weights.
    """
    random = np.random.default_rng(seed)
    target = random.integers(1, CATEGORIES + 1, count)
    history = random.integers(1, CATEGORIES, (count, LENGTH))
    history += history >= target[:, None]  # never the target's category, except for the one assigned below
    label = random.integers(0, 2, count)
    positions = np.where(label == 1, random.integers(LENGTH - 2, LENGTH, count), random.integers(0, LENGTH - 2, count))
    history[np.arange(count), positions] = target
    features = {"item": target, "history_item": history, "history_age": np.ones((count, LENGTH), np.int64)}
    return features, label.astype(np.float32)


def learned_auc(name: str, seed: int) -> float:
    """Train from large initial vectors: from tiny ones, training may stay where no label is distinguished."""
    keras.utils.set_random_seed(seed)
    ranker = build_ranker(name, ORDERED, {"embedding_dimension": 16, "tower_units": (16,), "activation": "relu"})
    move_weights(ranker, seed=seed)
    ranker.compile(optimizer=LazyAdam(0.01))
    features, label = recent_or_not(8000, 1)
    ranker.fit(features, {"click": label}, batch_size=100, epochs=8, verbose=0)
    features, label = recent_or_not(2000, 2)
    return auc(label, clicks(ranker, features))


def test_what_was_recent_is_learned_where_sums_over_the_history_cannot() -> None:
    """DIN sees the same bag of behaviours for both labels, so that 0.5 is all it can reach; of 2000 rows the AUC of
    chance has a standard deviation of 0.013."""
    assert 0.45 < learned_auc("din", 11) < 0.55
    assert learned_auc("tin", 11) > 0.9
