"""Aggregation of a node and its neighbourhood."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.tensor import Shape, Tensor

SLOPE = 0.2
"""Slope of LeakyReLU below zero, as in the authors' code, by the default of its framework."""


@keras.saving.register_keras_serializable(package="interestflow")
class BiInteraction(keras.layers.Layer):
    """Bi-interaction aggregator: `LeakyReLU((e + n) W_1 + b_1) + LeakyReLU((e * n) W_2 + b_2)`.

    Args:
        units: width of the output.
        dropout: share of the output's numbers that training drops; the paper's message dropout.

    Example:

    >>> layer = BiInteraction(units=8)
    >>> tuple(layer(ops.ones((5, 4)), ops.ones((5, 4))).shape)
    (5, 8)

    Reference:
        KGAT (arXiv 1905.07854), equation 8.
    """

    def __init__(self, units: int, dropout: float = 0.0, **kwargs: Any) -> None:
        """Create the two projections."""
        super().__init__(**kwargs)
        self.units = units
        self.dropout = dropout
        self.sum_projection = keras.layers.Dense(units, name="sum_projection", dtype=self.dtype_policy)
        self.product_projection = keras.layers.Dense(units, name="product_projection", dtype=self.dtype_policy)
        self.drop = keras.layers.Dropout(dropout, name="drop", dtype=self.dtype_policy) if dropout else None

    def build(self, shape: Shape, *_: Shape) -> None:
        """Build the projections for vectors of `shape`."""
        self.sum_projection.build(shape)
        self.product_projection.build(shape)

    def call(self, vectors: Tensor, neighbours: Tensor, training: bool | None = None) -> Tensor:
        """Aggregate vectors of nodes [..., d] and of their neighbourhoods [..., d]: [..., units]."""
        parts = [self.sum_projection(vectors + neighbours), self.product_projection(vectors * neighbours)]
        output = sum(ops.leaky_relu(part, negative_slope=SLOPE) for part in parts)
        return output if self.drop is None else self.drop(output, training=training)

    def compute_output_shape(self, shape: Shape, *_: Shape) -> Shape:
        """Return the shape of the nodes' vectors, with the width of the output."""
        return (*shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "units": self.units, "dropout": self.dropout}
