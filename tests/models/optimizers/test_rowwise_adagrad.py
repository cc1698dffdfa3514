"""Row-wise Adagrad: one accumulator per row, computed by hand, and the case in which it equals Adagrad."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.layers.embedding.declared_tables import mark_as_table
from interestflow.models.optimizers.row_sparse import SparseAdagrad
from interestflow.models.optimizers.rowwise_adagrad import RowwiseAdagrad


def step(table: Any, optimizer: keras.optimizers.Optimizer, *gradients: Any) -> np.ndarray:
    """Return the table after a step for each gradient."""
    optimizer.build([table])
    for gradient in gradients:
        optimizer.apply([gradient], [table])
    return table.numpy()


def test_by_hand() -> None:
    """Row 1 is used twice, (1, 2) and (2, 2), so (3, 4): a = 0.1 + (9 + 16) / 2 = 12.6; w = 1 - 0.5 * g / sqrt(12.6).

    Then (0, 2): a = 12.6 + 2 = 14.6.
    """
    table, optimizer = mark_as_table(keras.Variable([[9.0, 9.0], [1.0, 1.0]])), RowwiseAdagrad(0.5)
    first = tf.IndexedSlices(tf.constant([[1.0, 2.0], [2.0, 2.0]]), tf.constant([1, 1]), (2, 2))
    second = tf.IndexedSlices(tf.constant([[0.0, 2.0]]), tf.constant([1]), (2, 2))
    after_one = 1.0 - 0.5 * np.array([3.0, 4.0]) / np.sqrt(12.6)
    np.testing.assert_allclose(step(table, optimizer, first), [[9.0, 9.0], after_one], rtol=1e-6)
    after_two = after_one - 0.5 * np.array([0.0, 2.0]) / np.sqrt(14.6)
    np.testing.assert_allclose(step(table, optimizer, second), [[9.0, 9.0], after_two], rtol=1e-6)
    np.testing.assert_allclose(optimizer._accumulators[0].numpy(), [0.1, 14.6], rtol=1e-6)


def test_for_tables_of_width_1_it_equals_adagrad() -> None:
    gradients = [tf.IndexedSlices(tf.constant([[2.0], [-1.0]]), tf.constant(ids), (3, 1)) for ids in ([0, 2], [2, 2])]
    tables = [mark_as_table(keras.Variable([[1.0], [2.0], [3.0]])) for _ in range(2)]
    result, expected = (
        step(table, kind(0.3), *gradients) for table, kind in zip(tables, (RowwiseAdagrad, SparseAdagrad), strict=True)
    )
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_a_dense_gradient_equals_a_sparse_one_of_all_rows() -> None:
    values = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    start = np.ones((4, 3), np.float32)
    dense = step(mark_as_table(keras.Variable(start)), RowwiseAdagrad(0.3), tf.constant(values), tf.constant(values))
    rows = tf.IndexedSlices(values, tf.range(4), (4, 3))
    np.testing.assert_allclose(
        dense, step(mark_as_table(keras.Variable(start)), RowwiseAdagrad(0.3), rows, rows), rtol=1e-6
    )


@pytest.mark.parametrize("is_row", [True, False])
def test_variables_not_marked_as_tables_are_trained_by_adagrad(is_row: bool) -> None:
    values = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    gradient = tf.IndexedSlices(values, tf.constant([1, 3]), (4, 3)) if is_row else tf.constant(np.ones((4, 3)))
    result, expected = (
        step(keras.Variable(np.ones((4, 3))), kind(0.3), gradient) for kind in (RowwiseAdagrad, SparseAdagrad)
    )
    np.testing.assert_array_equal(result, expected)
