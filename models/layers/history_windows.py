"""A history cut into short windows, each with what came right after it."""

from __future__ import annotations

from typing import Any

import numpy as np
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


def windows(values: Any, length: int) -> Any:
    """All windows of `length` neighbouring steps of [B, L, ...]: [B, L - length + 1, length, ...], oldest first."""
    count = values.shape[1] - length + 1
    return ops.take(values, np.arange(count)[:, None] + np.arange(length)[None, :], axis=1)
