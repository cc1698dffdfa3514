"""How a node takes up what its neighbours say: KGAT (arXiv 1905.07854), equation 8."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

SLOPE = 0.2
"""Of LeakyReLU below zero, as in the authors' code, whose framework has it so by default."""


@keras.saving.register_keras_serializable(package="interestflow")
class BiInteraction(keras.layers.Layer):
    """`LeakyReLU((e + n) W_1 + b_1) + LeakyReLU((e * n) W_2 + b_2)`: [N, d] and [N, d] to [N, units].

    Args:
        units: width of what comes out.
        dropout: share of the result's numbers that training drops; the paper's message dropout.
    """

    def __init__(self, units: int, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.dropout = dropout
        self.of_sum = keras.layers.Dense(units, name="of_sum", dtype=self.dtype_policy)
        self.of_product = keras.layers.Dense(units, name="of_product", dtype=self.dtype_policy)
        self.drop = keras.layers.Dropout(dropout, name="drop", dtype=self.dtype_policy) if dropout else None

    def build(self, shape: Any, *_: Any) -> None:
        self.of_sum.build(shape)
        self.of_product.build(shape)

    def call(self, vectors: Any, neighbours: Any, training: bool | None = None) -> Any:
        """[..., units] of nodes' vectors [..., d] and of what their neighbours say [..., d]."""
        parts = [self.of_sum(vectors + neighbours), self.of_product(vectors * neighbours)]
        together = sum(ops.leaky_relu(part, negative_slope=SLOPE) for part in parts)
        return together if self.drop is None else self.drop(together, training=training)

    def compute_output_shape(self, shape: Any, *_: Any) -> Any:
        return (*shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "dropout": self.dropout}
