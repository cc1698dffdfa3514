"""The pooled baseline: a mean over the history that does not depend on the target."""

from __future__ import annotations

import keras
import numpy as np

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.core.masked_ops import masked_mean
from interestflow.models.registry import build_ranker
from tests.models.support.random_features import PLAIN, RICH, make_features


def scores(inputs: ModelInputs, changes: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of one ranker with and without the changes."""
    keras.utils.set_random_seed(2)
    ranker = build_ranker("pooled", inputs, {"tower_units": (8,), "history_age": True})
    features = make_features(inputs, 9, full=True)
    return np.asarray(ranker(features | changes)["click"]), np.asarray(ranker(features)["click"])


def test_the_order_of_the_history_does_not_matter() -> None:
    features = make_features(RICH, 9, full=True)
    turned = {name: values[:, ::-1] for name, values in features.items() if name.startswith("history_")}
    actual, expected = scores(RICH, turned)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
    # Rolling one of the features alone gives other behaviours.
    actual, expected = scores(RICH, {"history_rating": turned["history_rating"]})
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)  # the mean is still the same
    actual, expected = scores(RICH, {"history_rating": features["history_rating"] % 5 + 1})
    assert np.all(actual != expected)


def test_twice_the_history_is_the_same_history() -> None:
    features = make_features(PLAIN, 9)
    ranker = build_ranker("pooled", PLAIN, {"tower_units": (8,)})
    doubled = features | {"history_item": np.concatenate([features["history_item"]] * 2, axis=1)}
    np.testing.assert_allclose(ranker(doubled)["click"], ranker(features)["click"], rtol=1e-5, atol=1e-6)


def test_by_hand() -> None:
    """logit = w . relu([u; v]): u the mean of items 2 and 4, v item 3; item i is (i), all weights of the tower 1."""
    inputs = ModelInputs(tasks=("click",), item_rows=5, history_length=3, history_age_buckets=2)
    ranker = build_ranker("pooled", inputs, {"embedding_dimension": 1, "tower_units": (1,)})
    ranker.encoder.items.items.table.assign(np.arange(5.0)[:, None])
    ranker.head.tower.dense[0].kernel.assign([[1.0], [10.0]])
    ranker.head.score.kernel.assign([[2.0]])
    features = {"item": np.array([3]), "history_item": np.array([[2, 4, 0]]), "history_age": np.array([[1, 1, 0]])}
    np.testing.assert_array_equal(ranker(features)["click"], [2.0 * (3.0 + 30.0)])
    history, mask = ranker.encoder.history_items(features)
    np.testing.assert_array_equal(masked_mean(history, mask), [[3.0]])
