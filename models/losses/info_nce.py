"""Contrastive loss between two views of the same vectors."""

from __future__ import annotations

from keras import ops

from interestflow.models.layers.core.masked_ops import FILL
from interestflow.models.layers.core.unit_norm import unit_norm
from interestflow.models.tensor import Tensor


def info_nce(first: Tensor, second: Tensor, temperature: float, mask: Tensor, max_rows: int = 1024) -> Tensor:
    """Compute the InfoNCE loss of two views, whose negatives are the batch's other rows.

    Mean over channels and rows of `-log softmax_b(<f_b, s_b> / temperature)`, with vectors of unit norm. A batch of
    more than `max_rows` rows is split into the fewest equal parts that are not larger, each contrasted on its own (our
    choice): contrasting all rows takes the square of the batch, 139 GiB at 65,536 rows.

    Args:
        first: [B, c, d], one view of each channel.
        second: [B, c, d], the other view.
        temperature: temperature that cosines are divided by.
        mask: bool [B, c], false for channels that are empty, which are neither pairs nor negatives.
        max_rows: number of rows that are contrasted with one another.

    Returns:
        A float32 scalar, in nats; 0 if the mask is false everywhere.

    Example:

    >>> views = ops.array([[[1.0, 0.0]], [[0.0, 1.0]]])  # 2 rows of one channel
    >>> loss = info_nce(views, views, temperature=1.0, mask=ops.ones((2, 1), "bool"))
    >>> round(float(loss), 4)  # log(1 + exp(-1))
    0.3133

    Reference:
        van den Oord et al. (2018), arXiv 1807.03748, here with cosines.
    """
    rows = ops.shape(first)[0]
    parts = 1 + abs(rows - 1) // max_rows  # Use at least one part, even for an empty batch.
    size = -(-rows // parts)

    def split(values: Tensor) -> Tensor:
        """Reshape [B, c, ...] to [c, parts, size, ...], padded with zeros, which the mask leaves out."""
        padded = ops.pad(values, [(0, parts * size - rows)] + [(0, 0)] * (len(values.shape) - 1))
        return ops.moveaxis(ops.reshape(padded, (parts, size, *values.shape[1:])), 2, 0)

    first, second = (unit_norm(split(ops.cast(vectors, "float32"))) for vectors in (first, second))
    first, is_valid = first / temperature, split(mask)
    excluded = ops.where(is_valid, 0.0, FILL)
    cosines = ops.matmul(first, ops.swapaxes(second, -1, -2)) + ops.expand_dims(excluded, -2)
    positive = ops.sum(first * second, axis=-1)
    losses = ops.where(is_valid, ops.logsumexp(cosines, axis=-1) - positive, 0.0)
    return ops.sum(losses) / ops.maximum(ops.sum(ops.cast(is_valid, "float32")), 1.0)
