"""Sums and softmax over the edges of a graph that share a head. Edges lie in the order of their heads."""

from __future__ import annotations

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


def neighbourhood_sum(vectors: Any, weights: Any, heads: Any, tails: Any) -> Any:
    """Each node's weighted sum over its neighbours: `e_N(h) = sum over edges (h, t) of w_ht e_t`, [N, d].

    A product of a sparse matrix with `vectors`: its time and memory follow the edges, not the square of the nodes.

    Args:
        vectors: [N, d].
        weights: [E].
        heads, tails: [E]; `heads` do not fall.
    """
    messages = ops.expand_dims(weights, -1) * ops.take(vectors, tails, axis=0)
    return segment_sum(messages, heads, vectors.shape[0])
