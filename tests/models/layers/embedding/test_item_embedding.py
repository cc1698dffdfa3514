"""Item vectors of id and attributes, from tables that target and history share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from interestflow.models.inputs import CategoricalInput, ModelInputs, QuotientRemainder
from interestflow.models.layers.embedding.item_embedding import ItemEmbedding
from interestflow.models.losses.click import MiniBatchAwareL2

INPUTS = ModelInputs(
    tasks=("click",),
    item_rows=4,
    history_length=2,
    history_age_buckets=8,
    categorical=(
        CategoricalInput("category", 3, "item", None, True, True),
        CategoricalInput("tags", 3, "item", 2, True, True),
        CategoricalInput("colour", 3, "item", None, True, False),
        CategoricalInput("device", 3, "event", None, True, True),
    ),
)
FEATURES = {
    "item": np.array([3]),
    "category": np.array([1]),
    "tags": np.array([[1, 2]]),
    "history_item": np.array([[3, 0]]),
    "history_category": np.array([[1, 0]]),
    "history_tags": np.array([[[1, 2], [0, 0]]]),
}


def embedding(**options: object) -> ItemEmbedding:
    """Build tables in which item i is (i), category c is (10 c) and tag t is (100 t)."""
    layer = ItemEmbedding(INPUTS, 1, **options)
    for table, factor in zip([layer.items, *layer.attributes], [1.0, 10.0, 100.0], strict=True):
        table.table.assign(factor * np.arange(table.rows, dtype=np.float32)[:, None])
    return layer


def test_id_and_the_attributes_that_target_and_history_both_have() -> None:
    layer = embedding()
    history, mask = layer.history(FEATURES)
    assert layer.width == 3
    np.testing.assert_array_equal(layer.candidate(FEATURES), [[3.0, 10.0, 150.0]])
    np.testing.assert_array_equal(history, [[[3.0, 10.0, 150.0], [0.0, 0.0, 0.0]]])
    np.testing.assert_array_equal(mask, [[True, False]])


def test_target_and_history_share_every_table() -> None:
    layer = embedding()
    assert [weight.shape for weight in layer.weights] == [(4, 1), (3, 1), (3, 1)]
    layer.items.table.assign(np.full((4, 1), 7.0))
    history, _ = layer.history(FEATURES)
    assert float(layer.candidate(FEATURES)[0, 0]) == float(history[0, 0, 0]) == 7.0


def test_the_item_penalty_is_on_target_and_history() -> None:
    """Item 3 counts once, however often it appears, with 2 training instances: 0.5 * 0.1 * 9 / 2."""
    layer = embedding(item_penalty=MiniBatchAwareL2(0.1, 4, np.array([9.0, 9.0, 9.0, 2.0])))
    layer.penalize(FEATURES)
    np.testing.assert_allclose(layer.losses, [0.225], rtol=1e-6)


def test_the_counts_of_the_penalty_are_weights_after_construction() -> None:
    layer = embedding(item_penalty=MiniBatchAwareL2(0.1, 4, np.arange(4.0)))
    np.testing.assert_array_equal(layer.item_penalty.counts, [0.0, 1.0, 2.0, 3.0])
    assert any(weight is layer.item_penalty.counts for weight in layer.weights)


def test_an_item_penalty_needs_a_row_for_every_item() -> None:
    inputs = replace(INPUTS, item_layout=QuotientRemainder(2))
    with pytest.raises(ValueError, match="`item_penalty` needs a row for every item"):
        ItemEmbedding(inputs, 1, item_penalty=MiniBatchAwareL2(0.1, 4))
