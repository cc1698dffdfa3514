"""Unit vectors, computed by hand."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from interestflow.models.layers.core.unit_norm import unit_norm


def test_vectors_have_length_one_and_zeros_stay_zeros() -> None:
    vectors = np.array([[3.0, 4.0], [0.0, 0.0], [-5.0, 0.0]], np.float32)
    np.testing.assert_allclose(unit_norm(vectors), [[0.6, 0.8], [0.0, 0.0], [-1.0, 0.0]], rtol=1e-6)


def test_another_axis() -> None:
    vectors = np.array([[3.0, -5.0], [4.0, 0.0]], np.float32)
    np.testing.assert_allclose(unit_norm(vectors, axis=0), [[0.6, -1.0], [0.8, 0.0]], rtol=1e-6)


def test_squares_beyond_half_precision() -> None:
    """60,000 squared is infinite in float16, whose largest number is 65,504."""
    unit = unit_norm(np.array([[60_000.0, 0.0]], np.float16))
    assert unit.dtype == "float16"
    np.testing.assert_array_equal(unit, [[1.0, 0.0]])


def test_the_gradient_of_zeros_is_finite() -> None:
    vectors = tf.zeros((1, 2))
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        total = tf.reduce_sum(unit_norm(vectors))
    assert np.all(np.isfinite(tape.gradient(total, vectors)))
