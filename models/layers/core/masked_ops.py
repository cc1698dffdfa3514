"""Sum, mean and softmax along an axis with only some valid positions. Masks are boolean, or 0 and 1."""

from __future__ import annotations

from keras import ops

from interestflow.models.tensor import Tensor

# Far below any score, yet finite: the lowest float32 would turn into infinity when a score is subtracted.
FILL = -1e9


def masked_sum(values: Tensor, mask: Tensor) -> Tensor:
    """Sum vectors over their valid positions.

    Args:
        values: [..., T, d].
        mask: [..., T], true where a position is valid.

    Returns:
        [..., d]; zeros where no position is valid.
    """
    return ops.sum(_zero_invalid(values, mask), axis=-2)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Average vectors over their valid positions.

    Args:
        values: [..., T, d].
        mask: [..., T], true where a position is valid.

    Returns:
        [..., d]; zeros where no position is valid.
    """
    count = ops.sum(ops.cast(mask, values.dtype), axis=-1, keepdims=True)
    return masked_sum(values, mask) / ops.maximum(count, 1.0)


def mask_scores(scores: Tensor, mask: Tensor) -> Tensor:
    """Replace the scores of invalid positions by `FILL`, which no maximum selects and softmax gives no weight.

    Args:
        scores: float32, of any shape.
        mask: bool, broadcastable to `scores`; true where a score is valid.

    Returns:
        Scores of the same shape.
    """
    return ops.where(mask, scores, FILL)


def masked_softmax(scores: Tensor, mask: Tensor, axis: int = -1) -> Tensor:
    """Normalize the scores of valid positions to weights that sum to 1.

    Args:
        scores: of any shape and dtype.
        mask: bool, of the same shape; true where a score is valid.
        axis: axis along which the weights sum to 1.

    Returns:
        float32, of the same shape; zeros where the mask is false, and all zeros, rather than equal weights, along an
        axis without a valid position.
    """
    weights = ops.softmax(mask_scores(ops.cast(scores, "float32"), mask), axis=axis)
    return weights * ops.cast(mask, "float32")


def _zero_invalid(values: Tensor, mask: Tensor) -> Tensor:
    """Set vectors to zero by `where`, not by a product: an invalid vector may be infinite."""
    return ops.where(ops.expand_dims(ops.cast(mask, "bool"), -1), values, ops.zeros_like(values))
