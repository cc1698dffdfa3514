"""Two views of the same should be more alike than views of different ones."""

from __future__ import annotations

from typing import Any

from keras import ops

from interestflow.models.layers.core.masked_ops import FILL
from interestflow.models.layers.core.unit_norm import unit_norm


def info_nce(first: Any, second: Any, temperature: float, mask: Any, max_rows: int = 1024) -> Any:
    """Mean over channels and rows of `-log softmax_b(<f_b, s_b> / temperature)`: each row's pair among the batch's.

    van den Oord et al. (2018), with cosines. A batch of more than `max_rows` rows falls into the fewest equal parts
    that are not larger, each by itself (ours): all rows beside all are the square of the batch, 139 GiB at 65,536 rows.

    Args:
        first: [B, c, d].
        second: [B, c, d].
        temperature: by which cosines are divided.
        mask: bool [B, c]; rows of a channel that has nothing are no pair, and nobody's other.
        max_rows: rows that are contrasted with one another.

    Returns:
        A float32 scalar; 0 where nothing is there.
    """
    rows = ops.shape(first)[0]
    parts = 1 + abs(rows - 1) // max_rows  # one also where there are no rows
    size = -(-rows // parts)

    def in_parts(values: Any) -> Any:
        """[B, c, ...] to [c, parts, size, ...], filled up with zeros, which are not there."""
        filled = ops.pad(values, [(0, parts * size - rows)] + [(0, 0)] * (len(values.shape) - 1))
        return ops.moveaxis(ops.reshape(filled, (parts, size, *values.shape[1:])), 2, 0)

    first, second = (unit_norm(in_parts(ops.cast(vectors, "float32"))) for vectors in (first, second))
    first, is_there = first / temperature, in_parts(mask)
    nobody = ops.where(is_there, 0.0, FILL)
    cosines = ops.matmul(first, ops.swapaxes(second, -1, -2)) + ops.expand_dims(nobody, -2)
    own = ops.sum(first * second, axis=-1)
    losses = ops.where(is_there, ops.logsumexp(cosines, axis=-1) - own, 0.0)
    return ops.sum(losses) / ops.maximum(ops.sum(ops.cast(is_there, "float32")), 1.0)
