"""Sums and softmax over the edges of a graph that share a head. Edges are sorted by their heads."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import ops

from interestflow.models.tensor import Tensor


def segment_sum(values: Tensor, heads: Tensor, count: int) -> Tensor:
    """Sum the values of the edges of each head.

    Args:
        values: [E, ...], of the edges.
        heads: int [E], ascending, from 0 to `count - 1`.
        count: number of nodes.

    Returns:
        [count, ...]; zeros for nodes that are no edge's head.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.segment_sum(values, heads, num_segments=count, sorted=True)
    import tensorflow as tf

    # TensorFlow's sum for sorted segments takes a third of the time, but ends at the last head.
    sums = tf.math.segment_sum(values, heads)
    empty_segments = tf.zeros(tf.concat([[count - tf.shape(sums)[0]], tf.shape(sums)[1:]], axis=0), sums.dtype)
    return tf.ensure_shape(tf.concat([sums, empty_segments], axis=0), (count, *values.shape[1:]))


def segment_softmax(scores: Tensor, heads: Tensor, count: int) -> Tensor:
    """Normalize the scores of the edges of each head to weights that sum to 1.

    Args:
        scores: [E], of the edges.
        heads: int [E], ascending, from 0 to `count - 1`.
        count: number of nodes.

    Returns:
        float32 [E].

    Example:

    >>> np.asarray(segment_softmax(ops.zeros(3), ops.array([0, 0, 2]), count=3))
    array([0.5, 0.5, 1. ], dtype=float32)
    """
    scores = ops.cast(scores, "float32")
    # `segment_max` of an empty segment is the lowest number; no edge reads it.
    highest = ops.segment_max(scores, heads, num_segments=count)
    powers = ops.exp(scores - ops.take(highest, heads, axis=0))
    return powers / ops.take(segment_sum(powers, heads, count), heads, axis=0)


def neighbourhood_sums(
    weights: Tensor, heads: Tensor, tails: Tensor, tail_order: Tensor, count: int
) -> Callable[[Tensor], Tensor]:
    """Build a function that computes each node's weighted sum over its neighbours from all nodes' vectors.

    `e_N(h) = sum over edges (h, t) of w_ht e_t`. It is the product of a sparse matrix, built once, with the vectors,
    whose time and memory grow with the edges rather than the square of the nodes.

    Args:
        weights: [E], constants: they receive no gradient.
        heads: int [E], ascending.
        tails: int [E].
        tail_order: int [E], indices that sort the edges by tail and then by head.
        count: number of nodes, N.

    Returns:
        A differentiable function from vectors [N, d] to sums [N, d].
    """
    weights = ops.stop_gradient(ops.convert_to_tensor(weights))
    if keras.backend.backend() == "tensorflow":
        return _sparse_product(weights, heads, tails, tail_order, count)
    return lambda vectors: segment_sum(ops.expand_dims(weights, -1) * ops.take(vectors, tails, axis=0), heads, count)


def _sparse_product(
    weights: Tensor, heads: Tensor, tails: Tensor, tail_order: Tensor, count: int
) -> Callable[[Tensor], Tensor]:
    """Multiply by TensorFlow's compressed sparse rows: writing messages [E, d] would take most of the time."""
    import tensorflow as tf

    def compress(rows: Tensor, columns: Tensor, values: Tensor) -> Tensor:
        indices = tf.stack([tf.cast(rows, tf.int64), tf.cast(columns, tf.int64)], axis=1)
        size = tf.constant([count, count], tf.int64)
        return tf.raw_ops.SparseTensorToCSRSparseMatrix(indices=indices, values=values, dense_shape=size)

    forward = compress(heads, tails, weights)
    # A second matrix, since a product with the transpose of the first takes two and a half times as long.
    backward = compress(*(tf.gather(part, tail_order) for part in (tails, heads, weights)))

    @tf.custom_gradient
    def multiply(vectors: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        sums = tf.raw_ops.SparseMatrixMatMul(a=forward, b=vectors)
        return tf.ensure_shape(sums, vectors.shape), lambda gradient: tf.ensure_shape(
            tf.raw_ops.SparseMatrixMatMul(a=backward, b=gradient), vectors.shape
        )

    # A variable is read first: the gradient of a custom function cannot return a variable's gradient.
    return lambda vectors: multiply(tf.identity(vectors))
