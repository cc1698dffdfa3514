"""Normalization of vectors to length 1."""

from __future__ import annotations

from keras import ops

from interestflow.models.tensor import Tensor

EPSILON = 1e-12
"""Added to a squared norm before its root divides, so that zero vectors stay zero."""


def unit_norm(vectors: Tensor, axis: int = -1) -> Tensor:
    """Divide each vector by its Euclidean norm: `v / sqrt(|v|^2 + EPSILON)`.

    Args:
        vectors: [..., d].
        axis: axis of the vectors' components.

    Returns:
        Vectors of the same shape and dtype; a zero vector stays zero. The norm is computed in float32, since in half
        precision the squares of large components overflow.

    Example:

    >>> np.asarray(unit_norm(ops.array([[3.0, 4.0], [0.0, 0.0]])))
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """
    wide = ops.cast(vectors, "float32")
    unit = wide * ops.rsqrt(ops.sum(ops.square(wide), axis=axis, keepdims=True) + EPSILON)
    return ops.cast(unit, vectors.dtype)
