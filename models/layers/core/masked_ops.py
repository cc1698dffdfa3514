"""Sums, means and softmax along an axis of which only a part is valid. Masks are boolean or 0 and 1."""

from __future__ import annotations

from typing import Any

from keras import ops

# Far below any score, yet finite: the largest float32 would turn into infinity when a score is subtracted.
FILL = -1e9


def masked_sum(values: Any, mask: Any) -> Any:
    """Sum of `values` [..., T, d] over T where `mask` [..., T] holds: [..., d]."""
    return ops.sum(_masked(values, mask), axis=-2)


def masked_mean(values: Any, mask: Any) -> Any:
    """Mean of `values` [..., T, d] over T where `mask` [..., T] holds: [..., d]; zeros where it holds nowhere."""
    count = ops.sum(ops.cast(mask, values.dtype), axis=-1, keepdims=True)
    return masked_sum(values, mask) / ops.maximum(count, 1.0)


def masked_softmax(scores: Any, mask: Any, axis: int = -1) -> Any:
    """Softmax of `scores` over `axis` where `mask`, of the same shape, holds; zeros elsewhere.

    Where the mask holds nowhere all weights are zero, not equal. Computed and returned in float32.
    """
    scores = ops.where(mask, ops.cast(scores, "float32"), FILL)
    return ops.softmax(scores, axis=axis) * ops.cast(mask, "float32")


def _masked(values: Any, mask: Any) -> Any:
    """`where`, not a product: what is not valid may be infinite."""
    return ops.where(ops.expand_dims(ops.cast(mask, "bool"), -1), values, ops.zeros_like(values))
