"""Activations by the names that configurations use."""

from __future__ import annotations

from typing import Any

import keras

from interestflow.models.layers.core.dice import Dice

ACTIVATIONS = ("relu", "prelu", "dice", "sigmoid")


def build_activation(kind: str, rank: int, **kwargs: Any) -> keras.layers.Layer:
    """Build the activation layer `kind`. Its weights are per channel.

    Args:
        kind: one of `ACTIVATIONS`.
        rank: rank of the tensors that the layer is applied to.
        kwargs: options of `keras.layers.Layer`, such as `name`.

    Raises:
        ValueError: if `kind` is unknown.
    """
    if kind == "dice":
        return Dice(**kwargs)
    if kind == "prelu":
        return keras.layers.PReLU(shared_axes=list(range(1, rank - 1)) or None, **kwargs)
    if kind in ACTIVATIONS:
        return keras.layers.Activation(kind, **kwargs)
    raise ValueError(f"`activation` should be one of {', '.join(ACTIVATIONS)}, received {kind!r}")
