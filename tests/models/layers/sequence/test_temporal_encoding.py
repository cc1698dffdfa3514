"""Embeddings of distances to the target."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.layers.sequence.temporal_encoding import TemporalEncoding, positions_from_end


def test_positions_are_counted_back_from_the_newest_of_each_row() -> None:
    mask = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]], bool)
    expected = [[3, 2, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0], [4, 3, 2, 1]]
    np.testing.assert_array_equal(positions_from_end(mask), expected)


def test_embeddings_by_distance_and_longer_ones_share_the_last() -> None:
    layer = TemporalEncoding(2, 1)
    layer.build()
    layer.table.assign([[5.0], [6.0], [7.0]])
    np.testing.assert_array_equal(layer(np.array([[2, 1, 0, 9]])), [[[7.0], [6.0], [5.0], [7.0]]])
    np.testing.assert_array_equal(layer.target, [[5.0]])


def test_gradients_of_many_behaviours_add_up_in_half_precision_too() -> None:
    """bfloat16 has 8 bits: 256 + 1 is 256 in it."""
    layer = TemporalEncoding(2, 1, dtype=keras.DTypePolicy("mixed_bfloat16"))
    layer.build()
    with tf.GradientTape() as tape:
        vectors = layer(np.ones((10, 100)))
        assert keras.backend.standardize_dtype(vectors.dtype) == "bfloat16"
        total = tf.reduce_sum(tf.cast(vectors, tf.float32))
    gradient = tf.convert_to_tensor(tape.gradient(total, layer.table.value))
    np.testing.assert_array_equal(gradient, [[0.0], [1000.0], [0.0]])


def test_sizes_below_1_are_rejected() -> None:
    with pytest.raises(ValueError, match="should be at least 1, received 0 and 4"):
        TemporalEncoding(0, 4)
