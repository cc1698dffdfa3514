"""The mean-pooled two-tower: a user is the mean of the history."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from interestflow.models.inputs import ModelInputs
from interestflow.models.registry import build_matcher
from tests.models.support.matcher_training import recall_of_liked_groups
from tests.models.support.random_features import PLAIN, RICH, make_catalogue, make_features

FEATURES = make_features(RICH, 9, full=True)


def build(inputs: ModelInputs = RICH, **hyperparameters: Any) -> Any:
    keras.utils.set_random_seed(2)
    return build_matcher("two_tower", inputs, hyperparameters, make_catalogue(inputs))


def test_a_user_is_the_mean_of_the_history() -> None:
    model = build(PLAIN, embedding_dimension=3, item_bias=False)
    table = model.space.items.items.table
    table.assign(np.arange(63.0).reshape(21, 3))
    history = {"history_item": np.array([[1, 3, 0, 0, 0, 0]]), "history_age": np.ones((1, 6), np.int64)}
    np.testing.assert_allclose(model.encode_user(history), [[(table.numpy()[1] + table.numpy()[3]) / 2]])
    np.testing.assert_array_equal(model.encode_items({"item": np.array([5])}), table.numpy()[[5]])


def test_the_order_of_the_history_does_not_matter_to_a_mean() -> None:
    model = build(tower_units=(8,), history_age=True)
    order = np.random.default_rng(2).permutation(6)
    mixed = {name: values[:, order] if name.startswith("history_") else values for name, values in FEATURES.items()}
    np.testing.assert_allclose(model(mixed), model(FEATURES), rtol=1e-4, atol=1e-5)


def test_it_finds_what_popularity_cannot() -> None:
    """The five items of a user's group hold the target, which popularity finds for the largest group alone."""
    assert recall_of_liked_groups("two_tower", {"embedding_dimension": 16}, epochs=20) > 0.95
