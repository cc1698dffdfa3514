"""Sums and softmax over edges with heads 0, 0, 0, 2; of four nodes 1 and 3 have no edges."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from interestflow.models.layers.graph.segment_ops import neighbourhood_sums, segment_softmax, segment_sum

HEADS = np.array([0, 0, 0, 2])


def test_sums_by_head_are_zero_where_there_is_no_edge() -> None:
    sums = segment_sum(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], np.float32), HEADS, 4)
    np.testing.assert_array_equal(sums, [[9.0, 12.0], [0.0, 0.0], [7.0, 8.0], [0.0, 0.0]])


def test_softmax_is_over_the_edges_of_a_head_however_large_their_scores() -> None:
    """Logarithms of 1, 2 and 1 become a quarter, a half and a quarter; adding 1000 to all changes nothing."""
    scores = np.log([1.0, 2.0, 1.0, 5.0]) + np.array([0.0, 0.0, 0.0, 1000.0])
    np.testing.assert_allclose(segment_softmax(scores, HEADS, 4), [0.25, 0.5, 0.25, 1.0], rtol=1e-6)
    np.testing.assert_allclose(segment_softmax(scores + 1000.0, HEADS, 4), [0.25, 0.5, 0.25, 1.0], rtol=1e-4)


TAILS, TAIL_ORDER = np.array([1, 2, 1, 1]), np.array([0, 2, 3, 1])
WEIGHTS = np.array([0.5, 2.0, 0.25, 1.0], np.float32)


def test_neighbourhood_sums_are_the_product_with_the_dense_matrix() -> None:
    """Two edges from 0 to 1, of weights 0.5 and 0.25, both count: the matrix has 0.75 there."""
    vectors = np.array([[1.0, 0.0], [2.0, 4.0], [0.0, 8.0], [3.0, 3.0]], np.float32)
    dense = np.zeros((4, 4), np.float32)
    np.add.at(dense, (HEADS, TAILS), WEIGHTS)
    sums = neighbourhood_sums(WEIGHTS, HEADS, TAILS, TAIL_ORDER, 4)(tf.constant(vectors))
    np.testing.assert_allclose(sums, dense @ vectors)
    np.testing.assert_allclose(sums, [[1.5, 19.0], [0.0, 0.0], [2.0, 4.0], [0.0, 0.0]])
    assert sums.shape == (4, 2)


def test_gradients_follow_the_edges_backwards() -> None:
    """The sum of node 0 counts 3 times and that of node 2 once: node 1 gets 3 (0.5 + 0.25) + 1, node 2 gets 3 x 2."""
    vectors = tf.Variable(np.ones((4, 1), np.float32))
    with tf.GradientTape() as tape:
        sums = neighbourhood_sums(WEIGHTS, HEADS, TAILS, TAIL_ORDER, 4)(tf.convert_to_tensor(vectors))
        total = tf.reduce_sum(sums * np.array([[3.0], [5.0], [1.0], [7.0]], np.float32))
    gradient = tf.convert_to_tensor(tape.gradient(total, vectors))
    np.testing.assert_allclose(gradient, [[0.0], [3.25], [6.0], [0.0]])
