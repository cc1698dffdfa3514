"""Two views of the same should be more alike than views of different ones."""

from __future__ import annotations

from typing import Any

from keras import ops


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
        vectors = ops.cast(vectors, "float32")
        return vectors * ops.rsqrt(ops.sum(vectors**2, axis=-1, keepdims=True) + 1e-12)

    cosines = ops.einsum("bcd,ecd->cbe", unit(first), unit(second)) / temperature
    is_there = ops.transpose(there, (1, 0))
    cosines = ops.where(ops.expand_dims(is_there, 1), cosines, -1e9)
    own = ops.diagonal(cosines, axis1=1, axis2=2)
    losses = ops.where(is_there, ops.logsumexp(cosines, axis=-1) - own, 0.0)
    return ops.sum(losses) / ops.maximum(ops.sum(ops.cast(is_there, "float32")), 1.0)
