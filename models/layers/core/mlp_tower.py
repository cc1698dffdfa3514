"""Stack of dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from interestflow.models.layers.core.activation import build_activation
from interestflow.models.layers.core.batch_normalization import BatchNormalization
from interestflow.models.tensor import Shape, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class MLPTower(keras.layers.Layer):
    """Multi-layer perceptron: dense layers, each followed by its activation and dropout.

    Args:
        units: width of each layer, at least one.
        activation: relu, prelu, dice or sigmoid.
        dropout: share of each layer's outputs that training drops.
        batch_normalization: whether the input is normalized first, as in the authors' code of DIN.

    Example:

    >>> tower = MLPTower((8, 2), activation="dice", dropout=0.5)
    >>> tuple(tower(ops.ones((3, 5))).shape)
    (3, 2)

    Reference:
        Deep Interest Network (arXiv 1706.06978), section 4.2 and figure 2.
    """

    def __init__(
        self,
        units: Sequence[int],
        activation: str = "relu",
        dropout: float = 0.0,
        batch_normalization: bool = False,
        **kwargs: Any,
    ) -> None:
        """Create the layers."""
        super().__init__(**kwargs)
        if not units:
            raise ValueError("`units` should have at least one layer, received none")
        self.units = tuple(units)
        self.activation = activation
        self.dropout = dropout
        self.batch_normalization = batch_normalization
        self.normalization = BatchNormalization(name="normalization") if batch_normalization else None
        self.dense = [keras.layers.Dense(width, name=f"dense_{i}") for i, width in enumerate(self.units)]
        self.activations = [build_activation(activation, 2, name=f"activation_{i}") for i in range(len(self.units))]
        self.drop = keras.layers.Dropout(dropout) if dropout else None

    def build(self, shape: Shape) -> None:
        """Build each layer for the width of the one before."""
        if self.normalization is not None:
            self.normalization.build(shape)
        for dense, activation in zip(self.dense, self.activations, strict=True):
            dense.build(shape)
            shape = (*shape[:-1], dense.units)
            activation.build(shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Map inputs [B, C] to [B, units[-1]]."""
        hidden = inputs
        if self.normalization is not None:
            hidden = self.normalization(hidden, training=training)
        for dense, activation in zip(self.dense, self.activations, strict=True):
            hidden = activation(dense(hidden), training=training)
            if self.drop is not None:
                hidden = self.drop(hidden, training=training)
        return hidden

    def compute_output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the inputs, with the width of the last layer."""
        return (*shape[:-1], self.units[-1])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": list(self.units),
            "activation": self.activation,
            "dropout": self.dropout,
            "batch_normalization": self.batch_normalization,
        }
