"""Deep Interest Network: attention to the target, which the pooled baseline lacks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from interestflow.models.inputs import CategoricalInput, ModelInputs
from interestflow.models.optimizers.row_sparse import LazyAdam
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.din import DIN
from interestflow.models.registry import build_ranker
from interestflow.transforms.area_under_curve import area_under_curve as auc
from tests.models.support.random_features import PLAIN, RICH, make_features, move_weights


def din(inputs: ModelInputs, **hyperparameters: Any) -> DIN:
    """Build DIN with attention weights that are far from equal, unlike initial ones."""
    ranker = build_ranker("din", inputs, {"embedding_dimension": 4, "tower_units": (8,), **hyperparameters})
    move_weights(ranker)
    return ranker


def interest(ranker: DIN, features: dict[str, np.ndarray]) -> np.ndarray:
    """Return `u` [B, d], the weighted sum over the history."""
    target, (history, mask) = ranker.encoder.target(features), ranker.encoder.history_items(features)
    return np.asarray(ranker.activation_unit(target, history, mask=mask))


@pytest.mark.parametrize("normalization", ["none", "softmax"])
def test_the_order_of_the_history_does_not_matter(normalization: str) -> None:
    ranker = din(RICH, attention_normalization=normalization, history_age=True)
    features = make_features(RICH, 9)
    order = np.random.default_rng(2).permutation(RICH.history_length)
    mixed = {name: values[:, order] if name.startswith("history_") else values for name, values in features.items()}
    for task, expected in ranker(features).items():
        np.testing.assert_allclose(ranker(mixed)[task], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("normalization", "factor"), [("none", 2.0), ("softmax", 1.0)])
def test_twice_the_history_is_twice_the_interest_unless_normalised(normalization: str, factor: float) -> None:
    ranker = din(PLAIN, attention_normalization=normalization)
    features = make_features(PLAIN, 9)
    doubled = features | {"history_item": np.concatenate([features["history_item"]] * 2, axis=1)}
    once = interest(ranker, features)
    assert np.abs(once).max() > 0.01
    np.testing.assert_allclose(interest(ranker, doubled), factor * once, rtol=1e-4, atol=1e-6)


def test_the_interest_depends_on_the_candidate() -> None:
    ranker = din(PLAIN)
    features = make_features(PLAIN, 9, full=True)
    other = features | {"item": features["item"] % (PLAIN.item_rows - 1) + 1}
    assert np.all(np.abs(interest(ranker, features) - interest(ranker, other)).max(axis=1) > 1e-4)


def test_what_is_known_of_a_behaviour_changes_its_part() -> None:
    ranker = din(RICH, history_age=True)
    features = make_features(RICH, 9, full=True)
    for name, rows in (("history_rating", 6), ("history_age", RICH.history_age_buckets + 1)):
        changed = features | {name: features[name] % (rows - 1) + 1}
        assert np.all(np.asarray(ranker(changed)["click"]) != np.asarray(ranker(features)["click"])), name


def test_the_item_bias_is_the_targets_own_a_task() -> None:
    ranker = din(RICH)
    features = make_features(RICH, 9)
    before = ranker(features)
    ranker.head.item_bias.table.assign_add(np.outer(np.arange(21.0), [1.0, -2.0]))
    after = ranker(features)
    np.testing.assert_allclose(after["click"] - before["click"], features["item"], rtol=1e-4)
    np.testing.assert_allclose(after["like"] - before["like"], -2.0 * features["item"], rtol=1e-4)


def test_item_bias_and_batch_normalisation_can_be_left_out() -> None:
    ranker = din(PLAIN, item_bias=False, batch_normalization=False, activation="relu")
    assert ranker.head.item_bias is None
    assert ranker.non_trainable_variables == []


CATEGORIES, PER_CATEGORY, LENGTH = 20, 10, 10
MATCHES = ModelInputs(
    tasks=("click",),
    item_rows=CATEGORIES * PER_CATEGORY + 1,
    history_length=LENGTH,
    history_age_buckets=2,
    categorical=(CategoricalInput("category", CATEGORIES + 1, "item", None, True, True),),
)


def category_is_in_history(count: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return examples clicked exactly where the target's category is in the history, as it is for 70% of them."""
    random = np.random.default_rng(seed)
    history = random.integers(1, CATEGORIES * PER_CATEGORY + 1, (count, LENGTH))
    past_items = history[np.arange(count), random.integers(0, LENGTH, count)]
    same_category = past_items + CATEGORIES * random.integers(0, PER_CATEGORY, count)
    item = np.where(random.random(count) < 0.5, same_category, random.integers(1, history.max() + 1, count))
    item = (item - 1) % (CATEGORIES * PER_CATEGORY) + 1
    features = {"item": item, "history_item": history, "history_age": np.ones_like(history)}
    features |= {"category": item % CATEGORIES + 1, "history_category": history % CATEGORIES + 1}
    return features, np.any(features["history_category"] == features["category"][:, None], axis=1).astype(np.float32)


def auc_on_matches(ranker: Ranker) -> float:
    features, labels = category_is_in_history(12_000, 1)
    ranker.compile(optimizer=LazyAdam(0.02))
    ranker.fit(features, {"click": labels}, batch_size=256, epochs=3, verbose=0)
    features, labels = category_is_in_history(4_000, 2)
    return auc(labels, np.asarray(ranker(features)["click"]))


def test_it_finds_the_behaviour_that_the_candidate_meets() -> None:
    """The mean over ten behaviours of twenty categories hides which they are; attention looks for the candidate's."""
    sizes = {"embedding_dimension": 8, "tower_units": (32,)}
    attention = {"attention_units": (16, 8)}
    aucs = {}
    for name, hyperparameters in (("din", sizes | attention), ("pooled", sizes)):
        keras.utils.set_random_seed(1)
        aucs[name] = auc_on_matches(build_ranker(name, MATCHES, hyperparameters))
    assert aucs["din"] > 0.95, aucs
    assert aucs["din"] - aucs["pooled"] > 0.2, aucs
