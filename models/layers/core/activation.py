"""Activations by the names that configurations use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.dice import Dice
from interestflow.models.tensor import Tensor

ACTIVATIONS = ("relu", "prelu", "dice", "sigmoid")


@keras.saving.register_keras_serializable(package="interestflow")
def sigmoid(inputs: Tensor) -> Tensor:
    """Compute the sigmoid, of half precision in float32, in which a CPU takes a quarter of the time.

    Args:
        inputs: of any shape.

    Returns:
        Values of the same shape and dtype.
    """
    dtype = keras.backend.standardize_dtype(inputs.dtype)
    return ops.sigmoid(inputs) if dtype in ("float32", "float64") else _half_precision_sigmoid(inputs)


@ops.custom_gradient
def _half_precision_sigmoid(inputs: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
    """Return the sigmoid of `inputs`, and its gradient from the rounded output, which is kept for it anyway."""
    outputs = ops.cast(ops.sigmoid(ops.cast(inputs, "float32")), inputs.dtype)

    def multiply_by_derivative(*gradients: Tensor, upstream: Tensor | None = None) -> Tensor:
        gradient = gradients[0] if upstream is None else upstream
        return gradient * (outputs - outputs * outputs)

    return outputs, multiply_by_derivative


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
    if kind == "sigmoid":
        return keras.layers.Activation(sigmoid, **kwargs)
    if kind in ACTIVATIONS:
        return keras.layers.Activation(kind, **kwargs)
    raise ValueError(f"`activation` should be one of {', '.join(ACTIVATIONS)}, received {kind!r}")
