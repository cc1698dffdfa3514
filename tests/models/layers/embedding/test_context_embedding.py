"""Embeddings of users, candidates and histories besides the items, and None where there is nothing to embed."""

from __future__ import annotations

import numpy as np

from interestflow.models.inputs import CategoricalInput, ModelInputs, NumericInput
from interestflow.models.layers.embedding.context_embedding import ContextEmbedding

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
        CategoricalInput("brand", 3, "item", None, True, False),
    ),
    numeric=(NumericInput("price", "item"), NumericInput("hour", "event")),
)
FEATURES = {
    "user": np.array([2]),
    "device": np.array([1]),
    "groups": np.array([[1, 2]]),
    "brand": np.array([1]),
    "price": np.array([0.5], np.float32),
    "hour": np.array([7.0], np.float32),
    "history_device": np.array([[2, 0]]),
    "history_rating": np.array([[1, 0]]),
    "history_age": np.array([[9, 0]]),
}


def test_each_category_is_embedded_where_it_belongs() -> None:
    """Row i of every table is (i), so that vectors show ids; a list is its mean; item attributes are left out."""
    layer = ContextEmbedding(INPUTS, 1, history_age=True)
    for table in (layer.user_table, *layer.tables, layer.age):
        table.table.assign(np.arange(table.rows, dtype=np.float32)[:, None])
    np.testing.assert_array_equal(layer.user(FEATURES), [[2.0, 1.0, 1.5, 7.0]])  # user, device, groups, hour
    np.testing.assert_array_equal(layer.candidate(FEATURES), [[1.0, 0.5]])  # brand, price
    # Device, rating and age, whose oldest bucket, 3, includes all older ones.
    np.testing.assert_array_equal(layer.history(FEATURES), [[[2.0, 1.0, 3.0], [0.0, 0.0, 0.0]]])
    assert [table.name for table in layer.tables] == ["device", "groups", "brand", "rating"], (
        "there should be one table for each category"
    )


def test_without_anything_to_embed_the_result_is_none() -> None:
    inputs = ModelInputs(tasks=("click",), item_rows=4, history_length=2, history_age_buckets=3)
    layer = ContextEmbedding(inputs, 1)
    assert layer.user(FEATURES) is layer.candidate(FEATURES) is layer.history(FEATURES) is None
