"""Embedding table: padding is zero, the penalty is on the embeddings in use, gradients are sparse."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.layers.embedding.embedding_table import EmbeddingTable, embed_values
from interestflow.models.layers.embedding.quotient_remainder import QuotientRemainderTable

ROWS = np.array([[9.0, 9.0], [1.0, 2.0], [3.0, 4.0]], np.float32)


def build_table(**options: object) -> EmbeddingTable:
    layer = EmbeddingTable(3, 2, **options)
    layer.build()
    layer.table.assign(ROWS)
    return layer


def test_embeddings_by_id_and_zeros_for_padding() -> None:
    result = build_table()(np.array([[1, 0], [2, 2]]))
    np.testing.assert_array_equal(result, [[[1.0, 2.0], [0.0, 0.0]], [[3.0, 4.0], [3.0, 4.0]]])


def test_a_list_is_the_mean_over_its_values() -> None:
    ids = np.array([[1, 2], [2, 0], [0, 0]])
    np.testing.assert_array_equal(embed_values(build_table(), ids, 1, False), [[2.0, 3.0], [3.0, 4.0], [0.0, 0.0]])
    along_history = embed_values(build_table(), ids[:, None], 2, False)
    np.testing.assert_array_equal(along_history, [[[2.0, 3.0]], [[3.0, 4.0]], [[0.0, 0.0]]])
    # Without an axis for the list each id is a behaviour of its own.
    assert embed_values(build_table(), ids, 2, False).shape == (3, 2, 2)


def test_the_penalty_is_on_the_embeddings_in_use_over_the_batch_size() -> None:
    """Row 1 twice and row 2 once, |1, 2|^2 = 5 and |3, 4|^2 = 25, two examples: 0.5 * 0.1 * 35 / 2."""
    layer = build_table(l2=0.1)
    layer(np.array([[1, 1], [2, 0]]), training=True)
    assert [float(loss) for loss in layer.losses] == [pytest.approx(0.875)]
    layer(np.array([[1, 1], [2, 0]]), training=False)
    assert layer.losses == []


def test_the_gradient_is_sparse_and_zero_for_padding() -> None:
    layer = build_table()
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(np.array([2, 0, 2])))
    gradient = tape.gradient(total, layer.table.value)
    assert isinstance(gradient, tf.IndexedSlices)
    np.testing.assert_array_equal(tf.convert_to_tensor(gradient), [[0.0, 0.0], [0.0, 0.0], [2.0, 2.0]])


def test_the_table_stays_in_float32_where_embeddings_are_float16() -> None:
    layer = build_table(dtype="mixed_float16")
    assert layer.table.dtype == "float32"
    assert layer(np.array([1])).dtype == "float16"


def test_it_is_rebuilt_from_its_configuration() -> None:
    layer = EmbeddingTable.from_config(build_table(l2=0.5, initializer="zeros").get_config())
    assert (layer.rows, layer.dimension, layer.l2) == (3, 2, 0.5)
    assert isinstance(layer.initializer, keras.initializers.Zeros)


def test_sizes_below_1_are_rejected() -> None:
    with pytest.raises(ValueError, match="`rows` and `dimension` should be at least 1, received 0 and 2"):
        EmbeddingTable(0, 2)


@pytest.mark.parametrize("beyond", [3, -1, 2**40])
@pytest.mark.parametrize("kind", [np.array, tf.constant])
def test_ids_beyond_the_table_are_an_error(beyond: int, kind: Any) -> None:
    for layer in (build_table(name="item"), QuotientRemainderTable(3, 2, 2, name="item")):
        with pytest.raises(ValueError, match=f"ids of `item` should be from 0 to 2, received {beyond}"):
            layer(kind([[1, beyond], [0, 2]]))


def test_ids_are_not_checked_within_a_graph() -> None:
    """No operation is added to a step; the lookup on a CPU raises an error by itself."""
    layer = build_table()
    compiled = tf.function(lambda ids: layer(ids)).get_concrete_function(tf.TensorSpec([None], tf.int64))
    assert not {"Max", "Min", "GreaterEqual", "Less"} & {
        operation.type for operation in compiled.graph.get_operations()
    }
    with pytest.raises(tf.errors.InvalidArgumentError):
        compiled(tf.constant([3], tf.int64))


def test_padding_keeps_its_row_where_the_caller_masks() -> None:
    """Without zeroing, id 0 has the vector of row 0; an L2 penalty still counts no padding."""
    table = EmbeddingTable(rows=3, dimension=2, l2=2.0, initializer="ones")
    np.testing.assert_array_equal(table(np.array([2, 0]), zero_padding=False), [[1.0, 1.0], [1.0, 1.0]])
    table(np.array([2, 0]), training=True, zero_padding=False)
    assert float(table.losses[0]) == 0.5 * 2.0 * 2.0 / 2
