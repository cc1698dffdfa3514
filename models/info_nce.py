"""Two views of the same should be more alike than views of different ones."""

from __future__ import annotations

from typing import Any

from keras import ops

from models.layers.masked_ops import FILL


def info_nce(first: Any, second: Any, temperature: float, there: Any) -> Any:
    """Mean over channels and rows of `-log softmax_b(<f_b, s_b> / temperature)`: each row's pair among the batch's.

    van den Oord et al. (2018), with cosines.

    Args:
        first: [B, c, d].
        second: [B, c, d].
        temperature: by which cosines are divided.
        there: bool [B, c]; rows of a channel that has nothing are no pair, and nobody's other.

    Returns:
        A float32 scalar; 0 where nothing is there.
    """

    def unit(vectors: Any) -> Any:
        vectors = ops.cast(ops.transpose(vectors, (1, 0, 2)), "float32")
        return vectors * ops.rsqrt(ops.sum(vectors**2, axis=-1, keepdims=True) + 1e-12)

    first, second, is_there = unit(first) / temperature, unit(second), ops.transpose(there)
    nobody = ops.where(is_there, 0.0, FILL)
    cosines = ops.matmul(first, ops.transpose(second, (0, 2, 1))) + ops.expand_dims(nobody, 1)
    own = ops.sum(first * second, axis=-1)
    losses = ops.where(is_there, ops.logsumexp(cosines, axis=-1) - own, 0.0)
    return ops.sum(losses) / ops.maximum(ops.sum(ops.cast(is_there, "float32")), 1.0)
