"""All that is not the item: beside the target, along the history, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np

from models.inputs import CategoricalInput, ModelInputs, NumericInput
from models.layers.context_embedding import ContextEmbedding

INPUTS = ModelInputs(
    tasks=("click",),
    item_rows=4,
    history_length=2,
    history_age_buckets=3,
    user_rows=3,
    categorical=(
        CategoricalInput("category", 3, "item", None, True, True),
        CategoricalInput("device", 3, "event", None, True, True),
        CategoricalInput("rating", 3, "event", None, False, True),
        CategoricalInput("groups", 3, "user", 2, True, False),
    ),
    numeric=(NumericInput("price", "item"),),
)
FEATURES = {
    "user": np.array([2]),
    "device": np.array([1]),
    "groups": np.array([[1, 2]]),
    "price": np.array([0.5], np.float32),
    "history_device": np.array([[2, 0]]),
    "history_rating": np.array([[1, 0]]),
    "history_age": np.array([[9, 0]]),
}


def test_each_in_its_place() -> None:
    """Every table's row i is (i), so that ids can be read off; a list is its mean; item attributes are not here."""
    layer = ContextEmbedding(INPUTS, 1, history_age=True)
    layer(FEATURES)
    for table in (layer.user, *layer.tables, layer.age):
        table.table.assign(np.arange(table.rows, dtype=np.float32)[:, None])
    target, history = layer(FEATURES)
    np.testing.assert_array_equal(target, [[2.0, 1.0, 1.5, 0.5]])  # user, device, groups, price
    # device, rating and the age, of which the oldest bucket, 3, takes in all that are older
    np.testing.assert_array_equal(history, [[[2.0, 1.0, 3.0], [0.0, 0.0, 0.0]]])
    assert [table.name for table in layer.tables] == ["device", "groups", "rating"], "one table a category"


def test_nothing_where_there_is_nothing() -> None:
    inputs = ModelInputs(tasks=("click",), item_rows=4, history_length=2, history_age_buckets=3)
    assert ContextEmbedding(inputs, 1)(FEATURES) == (None, None)
