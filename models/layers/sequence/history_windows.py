"""The newest behaviours of histories of different lengths. Histories run from oldest to newest, padded at the end."""

from __future__ import annotations

from typing import Literal

from keras import ops

from interestflow.models.tensor import Features, Tensor


def newest_features(features: Features, count: int) -> tuple[Features, Tensor]:
    """Return every tensor along the history, shifted so that the newest `count` behaviours end at the last position.

    Args:
        features: tensors by name, of which those named `history_...`, [B, T] or [B, T, V], are along the history.
        count: number of behaviours. A shorter history begins later.

    Returns:
        The tensors along the history, [B, count] or [B, count, V], and the mask, bool [B, count], true where there is a
        behaviour. Other positions hold an arbitrary behaviour or padding.
    """
    items = features["history_item"]
    lengths = ops.sum(ops.cast(items != 0, "int32"), axis=1, keepdims=True)
    positions = lengths - count + ops.arange(count, dtype="int32")[None, :]
    indices = ops.clip(positions, 0, ops.shape(items)[1] - 1)
    newest = {
        name: ops.take_along_axis(values, indices if len(values.shape) == 2 else indices[..., None], axis=1)
        for name, values in features.items()
        if name.startswith("history_")
    }
    return newest, positions >= 0


def newest_behaviours(
    behaviours: Tensor, mask: Tensor, count: int, padding: Literal["end", "start"] = "end"
) -> tuple[Tensor, Tensor]:
    """Return the newest `count` behaviours of each history, oldest first.

    Args:
        behaviours: [B, T, d], padded at the end.
        mask: bool [B, T], true where there is a behaviour.
        count: number of behaviours.
        padding: side on which a history of fewer behaviours is padded.

    Returns:
        The behaviours [B, count, d], zeros where padded, and their mask, bool [B, count].
    """
    lengths = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
    first = lengths - count
    positions = (ops.maximum(first, 0) if padding == "end" else first) + ops.arange(count, dtype="int32")[None, :]
    # A product with zeros and ones: the gradient of a gather, which adds row by row, takes ten times as long.
    is_selected = ops.equal(positions[:, :, None], ops.arange(ops.shape(behaviours)[1], dtype="int32"))
    valid = ops.where(mask[:, :, None], behaviours, ops.zeros_like(behaviours))
    newest = ops.matmul(ops.cast(is_selected, behaviours.dtype), valid)
    return newest, ops.logical_and(positions >= 0, positions < lengths)


def older_behaviours(behaviours: Tensor, mask: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the behaviours before the newest `count`.

    Args:
        behaviours: [B, T, d], padded at the end.
        mask: bool [B, T], true where there is a behaviour.
        count: number of newest behaviours to leave out.

    Returns:
        The first `max(T - count, 1)` positions, which are all that an older behaviour can be at, [B, T', d], and the
        mask of the older behaviours, bool [B, T'].
    """
    size = ops.maximum(ops.shape(behaviours)[1] - count, 1)
    lengths = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
    return behaviours[:, :size], ops.arange(size, dtype="int32")[None, :] < lengths - count
