"""Gathering rows of a variable by id, with a gradient that is sparse in those rows."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from interestflow.models.layers.embedding.gather import gather_rows, replace_lookups

TABLE = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]], np.float32)


def test_ids_of_any_shape() -> None:
    table = keras.Variable(TABLE)
    np.testing.assert_array_equal(gather_rows(table, 2), TABLE[2])
    np.testing.assert_array_equal(gather_rows(table, np.array([2, 0])), TABLE[[2, 0]])
    np.testing.assert_array_equal(gather_rows(table, np.array([[[1]], [[2]]])), TABLE[[[[1]], [[2]]]])


def test_the_gradient_is_sparse() -> None:
    table = keras.Variable(TABLE)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(gather_rows(table, np.array([2, 2])))
    gradient = tape.gradient(total, table.value)
    assert isinstance(gradient, tf.IndexedSlices)
    np.testing.assert_array_equal(gradient.indices, [2, 2])
    np.testing.assert_array_equal(gradient.values, np.ones((2, 2)))


def test_a_lookup_is_replaced_inside_the_context_alone() -> None:
    table, other = keras.Variable([[1.0], [2.0]]), keras.Variable([[5.0], [6.0]])
    with replace_lookups([(table, lambda ids: ops.stack([ids, ids], axis=-1))]):
        assert np.asarray(gather_rows(table, ops.array([1, 0]))).tolist() == [[1, 1], [0, 0]]
        assert np.asarray(gather_rows(other, ops.array([1, 0]))).tolist() == [[6.0], [5.0]]
    assert np.asarray(gather_rows(table, ops.array([1, 0]))).tolist() == [[2.0], [1.0]]
