"""Activations by the names that configurations use."""

from __future__ import annotations

from typing import Any

import keras

from interestflow.models.layers.core.dice import Dice

ACTIVATIONS = ("relu", "prelu", "dice", "sigmoid")


def build_activation(kind: str, rank: int, **kwargs: Any) -> keras.layers.Layer:
    """The layer for `kind`, one of `ACTIVATIONS`, on tensors of `rank`; what it learns is per channel alone.

    Raises:
        ValueError: where it is another.
    """
    if kind == "dice":
        return Dice(**kwargs)
    if kind == "prelu":
        return keras.layers.PReLU(shared_axes=list(range(1, rank - 1)) or None, **kwargs)
    if kind in ACTIVATIONS:
        return keras.layers.Activation(kind, **kwargs)
    raise ValueError(f"`activation` should be one of {', '.join(ACTIVATIONS)}, received {kind!r}")
