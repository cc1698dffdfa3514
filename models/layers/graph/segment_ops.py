"""Sums and softmax over the edges of a graph that share a head. Edges lie in the order of their heads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops


def segment_sum(values: Any, heads: Any, count: int) -> Any:
    """Sums of `values` [E, ...] by head: [count, ...]; zeros for nodes that are no edge's head.

    Args:
        values: of the edges.
        heads: [E], which do not fall, from 0 to `count - 1`.
        count: of the nodes.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.segment_sum(values, heads, num_segments=count, sorted=True)
    import tensorflow as tf

    # Where heads are in order TensorFlow needs a third of the time, but stops at the last of them.
    sums = tf.math.segment_sum(values, heads)
    rest = tf.zeros(tf.concat([[count - tf.shape(sums)[0]], tf.shape(sums)[1:]], axis=0), sums.dtype)
    return tf.ensure_shape(tf.concat([sums, rest], axis=0), (count, *values.shape[1:]))


def segment_softmax(scores: Any, heads: Any, count: int) -> Any:
    """Softmax [E] of `scores` [E] over the edges of each head, in float32; arguments as of `segment_sum`."""
    scores = ops.cast(scores, "float32")
    # The highest of no scores is the lowest number there is, which no edge looks up.
    highest = ops.segment_max(scores, heads, num_segments=count)
    powers = ops.exp(scores - ops.take(highest, heads, axis=0))
    return powers / ops.take(segment_sum(powers, heads, count), heads, axis=0)


def neighbourhood_sums(weights: Any, heads: Any, tails: Any, by_tail: Any, count: int) -> Callable[[Any], Any]:
    """From nodes' vectors [N, d], each node's weighted sum over its neighbours, [N, d].

    `e_N(h) = sum over edges (h, t) of w_ht e_t`, a product of a sparse matrix, made once, with the vectors: its
    time and memory follow the edges, not the square of the nodes.

    Args:
        weights: [E], constants: no gradient goes to them.
        heads, tails: [E]; `heads` do not fall.
        by_tail: [E], the edges' places in the order of their tails, and of their heads among those of one tail.
        count: N.
    """
    weights = ops.stop_gradient(ops.convert_to_tensor(weights))
    if keras.backend.backend() == "tensorflow":
        return _sparse_product(weights, heads, tails, by_tail, count)
    return lambda vectors: segment_sum(ops.expand_dims(weights, -1) * ops.take(vectors, tails, axis=0), heads, count)


def _sparse_product(weights: Any, heads: Any, tails: Any, by_tail: Any, count: int) -> Callable[[Any], Any]:
    """By TensorFlow's compressed rows: no message [E, d] is written, which takes most of the time."""
    import tensorflow as tf

    def compressed(rows: Any, columns: Any, values: Any) -> Any:
        places = tf.stack([tf.cast(rows, tf.int64), tf.cast(columns, tf.int64)], axis=1)
        size = tf.constant([count, count], tf.int64)
        return tf.raw_ops.SparseTensorToCSRSparseMatrix(indices=places, values=values, dense_shape=size)

    forth = compressed(heads, tails, weights)
    # Of its own, since a product with the transposed of `forth` takes two and a half times as long.
    back = compressed(*(tf.gather(part, by_tail) for part in (tails, heads, weights)))

    @tf.custom_gradient
    def product(vectors: Any) -> tuple[Any, Any]:
        said = tf.raw_ops.SparseMatrixMatMul(a=forth, b=vectors)
        return tf.ensure_shape(said, vectors.shape), lambda gradient: tf.ensure_shape(
            tf.raw_ops.SparseMatrixMatMul(a=back, b=gradient), vectors.shape
        )

    # A variable is read first: gradients of custom functions have no place for it.
    return lambda vectors: product(tf.identity(vectors))
