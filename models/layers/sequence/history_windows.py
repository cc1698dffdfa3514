"""The newest steps of a history, at the same places for every row."""

from __future__ import annotations

from typing import Any

from keras import ops


def newest_steps(features: dict[str, Any], count: int) -> tuple[dict[str, Any], Any]:
    """Every tensor along the history, moved so that the newest `count` steps end at the last place.

    Args:
        features: of which those named `history_...`, [B, T] or [B, T, V], are padded at the end.
        count: how many steps; a shorter history begins later.

    Returns:
        The tensors, [B, count] or [B, count, V], and the mask [B, count] of steps that there are. What is elsewhere is
        some step of the history or padding.
    """
    items = features["history_item"]
    lengths = ops.sum(ops.cast(items != 0, "int32"), axis=1, keepdims=True)
    places = lengths - count + ops.arange(count, dtype="int32")[None, :]
    rows = ops.clip(places, 0, ops.shape(items)[1] - 1)
    moved = {
        name: ops.take_along_axis(values, rows if len(values.shape) == 2 else rows[..., None], axis=1)
        for name, values in features.items()
        if name.startswith("history_")
    }
    return moved, places >= 0


def newest_of(steps: Any, mask: Any, count: int) -> tuple[Any, Any]:
    """The newest `count` of steps [B, T, d], padded at the end: [B, count, d], and the mask [B, count].

    They begin at the first place; a shorter history has fewer of them.
    """
    # By a product with zeros and ones: the gradient of a gather by rows takes ten times as long.
    lengths = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
    places = ops.maximum(lengths - count, 0) + ops.arange(count, dtype="int32")[None, :]
    picked = ops.equal(places[:, :, None], ops.arange(ops.shape(steps)[1], dtype="int32"))
    there = ops.where(mask[:, :, None], steps, ops.zeros_like(steps))
    return ops.matmul(ops.cast(picked, steps.dtype), there), places < lengths


def all_but_newest_of(steps: Any, mask: Any, count: int) -> tuple[Any, Any]:
    """The others, and their mask, without the places that no other can be at; always at least one place."""
    kept = ops.maximum(ops.shape(steps)[1] - count, 1)
    lengths = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
    return steps[:, :kept], ops.arange(kept, dtype="int32")[None, :] < lengths - count
