"""Vectors of items, behaviours and users in one space, computed by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from interestflow.models.inputs import CategoricalInput, ModelInputs, NumericInput
from interestflow.models.layers.embedding.item_space import ItemSpace

BARE = ModelInputs(tasks=("click",), item_rows=4, history_length=2, history_age_buckets=3)
FULL = replace(
    BARE,
    user_rows=3,
    categorical=(CategoricalInput("rating", 6, "event", None, False, True),),
    numeric=(NumericInput("price", "item"),),
)
FEATURES = {
    "item": np.array([3]),
    "user": np.array([2]),
    "price": np.array([0.5], np.float32),
    "history_item": np.array([[3, 0]]),
    "history_age": np.array([[1, 0]]),
    "history_rating": np.array([[5, 0]]),
}


def space(inputs: ModelInputs, history_age: bool = False) -> ItemSpace:
    """Item i is (i), rating r (10 r), user u (100 u), age a (1000 a); projections add up what they are given."""
    layer = ItemSpace(inputs, 1, history_age=history_age)
    layer.user(FEATURES), layer.item(FEATURES), layer.history(FEATURES)
    layer.items.items.table.assign(np.arange(4.0)[:, None])
    context = layer.context
    for table, factor in ((context.user_table, 100.0), (context.age, 1000.0), *((t, 10.0) for t in context.tables)):
        if table is not None:
            table.table.assign(factor * np.arange(table.rows, dtype=np.float32)[:, None])
    for projection in (layer.item_projection, layer.behaviour_projection, layer.user_projection):
        if projection is not None:
            projection.kernel.assign(np.ones(projection.kernel.shape))
    return layer


def test_all_else_is_added_to_items_and_behaviours() -> None:
    layer = space(FULL, history_age=True)
    assert layer.width == 1
    np.testing.assert_array_equal(layer.item(FEATURES), [[3.5]])
    history, mask = layer.history(FEATURES)
    np.testing.assert_array_equal(history[:, 0], [[3.0 + 50.0 + 1000.0]])
    np.testing.assert_array_equal(mask, [[True, False]])
    np.testing.assert_array_equal(layer.user(FEATURES), [[200.0]])


def test_without_anything_else_items_are_their_embeddings_and_users_zeros() -> None:
    layer = space(BARE)
    assert layer.item_projection is layer.behaviour_projection is layer.user_projection is None
    np.testing.assert_array_equal(layer.item(FEATURES), [[3.0]])
    np.testing.assert_array_equal(layer.history(FEATURES)[0], [[[3.0], [0.0]]])
    np.testing.assert_array_equal(layer.user(FEATURES), [[0.0]])
