"""Sums, means and softmax over valid positions."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.layers.core.masked_ops import FILL, mask_scores, masked_mean, masked_softmax, masked_sum

# Two rows of three steps of width 2; of the first row two steps are valid, of the second none.
VALUES = np.array([[[1.0, 2.0], [3.0, 6.0], [np.inf, np.nan]], [[5.0, 5.0], [6.0, 6.0], [7.0, 7.0]]], np.float32)
MASK = np.array([[True, True, False], [False, False, False]])


@pytest.mark.parametrize("mask", [MASK, MASK.astype(np.float32), MASK.astype(np.int64)], ids=["bool", "float", "int"])
def test_sum_and_mean(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(masked_sum(VALUES, mask), [[4.0, 8.0], [0.0, 0.0]])
    np.testing.assert_array_equal(masked_mean(VALUES, mask), [[2.0, 4.0], [0.0, 0.0]])


def test_invalid_scores_are_far_below_all_others() -> None:
    scores = np.array([[1.0, np.inf, -3.0]], np.float32)
    np.testing.assert_array_equal(mask_scores(scores, np.array([[True, False, True]])), [[1.0, FILL, -3.0]])


def test_softmax_sums_to_one_over_valid_positions() -> None:
    """exp(ln 3) : exp(0) = 3 : 1."""
    scores = np.array([[np.log(3.0), 0.0, 99.0], [1.0, 2.0, 3.0]], np.float32)
    np.testing.assert_allclose(masked_softmax(scores, MASK), [[0.75, 0.25, 0.0], [0.0, 0.0, 0.0]], rtol=1e-6)


def test_softmax_along_another_axis() -> None:
    scores = np.zeros((3, 2), np.float32)
    np.testing.assert_allclose(masked_softmax(scores, MASK.T, axis=0), [[0.5, 0.0], [0.5, 0.0], [0.0, 0.0]])


def test_softmax_of_half_precision_is_computed_in_float32() -> None:
    """The exponentials of these scores are infinite in float16."""
    weights = masked_softmax(np.array([[60_000.0, 60_000.0, 0.0]], np.float16), np.array([[True, True, False]]))
    assert weights.dtype == "float32"
    np.testing.assert_array_equal(weights, [[0.5, 0.5, 0.0]])


@pytest.mark.parametrize("operation", [masked_sum, masked_mean])
def test_invalid_positions_get_no_gradient(operation: object) -> None:
    values = tf.constant(VALUES)
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = tf.reduce_sum(operation(values, MASK))  # type: ignore[operator]
    gradient = tape.gradient(total, values).numpy()
    assert np.all(gradient[~MASK] == 0.0)
    assert np.all(gradient[MASK] > 0.0)
