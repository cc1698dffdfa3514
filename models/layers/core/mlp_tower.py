"""The dense layers that turn what was gathered about a candidate into its score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from interestflow.models.layers.core.activation import build_activation
from interestflow.models.layers.core.batch_normalization import BatchNormalization


@keras.saving.register_keras_serializable(package="interestflow")
class MLPTower(keras.layers.Layer):
    """Dense layers, each followed by its activation and dropout: [B, C] to [B, units[-1]].

    Args:
        units: width of each layer, at least one.
        activation: relu, prelu, dice or sigmoid.
        dropout: share of each layer's outputs that training drops.
        batch_normalization: whether the input is normalised first, as the authors' code of DIN does.
    """

    def __init__(
        self,
        units: Sequence[int],
        activation: str = "relu",
        dropout: float = 0.0,
        batch_normalization: bool = False,
        **kwargs: Any,
    ) -> None:
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

    def build(self, shape: Any) -> None:
        if self.normalization is not None:
            self.normalization.build(shape)
        for dense, activation in zip(self.dense, self.activations, strict=True):
            dense.build(shape)
            shape = (*shape[:-1], dense.units)
            activation.build(shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        hidden = inputs
        if self.normalization is not None:
            hidden = self.normalization(hidden, training=training)
        for dense, activation in zip(self.dense, self.activations, strict=True):
            hidden = activation(dense(hidden), training=training)
            if self.drop is not None:
                hidden = self.drop(hidden, training=training)
        return hidden

    def compute_output_shape(self, shape: Any) -> Any:
        return (*shape[:-1], self.units[-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": list(self.units),
            "activation": self.activation,
            "dropout": self.dropout,
            "batch_normalization": self.batch_normalization,
        }
