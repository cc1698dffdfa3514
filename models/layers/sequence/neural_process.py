"""What a set of observations says of a function: one Gaussian, the less wide the more they are and agree."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.masked_ops import masked_mean

NARROWEST, WIDEST = 0.1, 1.0
"""Bounds of a deviation that a network gives: 0.1 + 0.9 * sigmoid, as in DeepMind's code of neural processes."""


@keras.saving.register_keras_serializable(package="interestflow")
class LatentPath(keras.layers.Layer):
    """`q(z | C)`, mean and deviation [B, d], from the points c_j [B, N, d] of a context, in whatever order.

    `mean`: `s = mean_j c_j`, then a hidden layer and two heads (attentive neural processes, arXiv 1901.05761). How many
    points there are is not in a mean, so that the deviation falls with them only as far as training brings that about.

    `precision`: each point has a mean and a deviation of its own, and they are multiplied with a standard normal prior:
    `1 / d^2 = 1 + sum_j 1 / d_j^2`, `m = d^2 sum_j m_j / d_j^2` (Bayesian aggregation, Volpp et al., ICLR 2021). The
    deviation falls with every point by construction; without points it is 1.

    Args:
        width: `d`.
        aggregation: `precision` or `mean`.
    """

    def __init__(self, width: int, aggregation: str = "precision", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if aggregation not in ("mean", "precision"):
            raise ValueError(f"`aggregation` should be mean or precision, received {aggregation!r}")
        self.width = width
        self.aggregation = aggregation
        self.hidden = keras.layers.Dense(width, activation="relu", name="hidden")
        self.mean_head = keras.layers.Dense(width, dtype="float32", name="mean")
        self.deviation_head = keras.layers.Dense(width, dtype="float32", name="deviation")

    def build(self, *_: Any) -> None:
        for layer in (self.hidden, self.mean_head, self.deviation_head):
            layer.build((None, self.width))

    def call(self, points: Any, mask: Any) -> tuple[Any, Any]:
        """Mean and deviation, float32 [B, d], of the points of a mask [B, N]."""
        if self.aggregation == "mean":
            return self._heads(masked_mean(points, mask))
        means, deviations = self._heads(points)
        precisions = ops.expand_dims(ops.cast(mask, "float32"), -1) / ops.square(deviations)
        variance = 1.0 / (1.0 + ops.sum(precisions, axis=1))
        return variance * ops.sum(precisions * means, axis=1), ops.sqrt(variance)

    def _heads(self, points: Any) -> tuple[Any, Any]:
        hidden = self.hidden(points)
        wide = ops.sigmoid(self.deviation_head(hidden))
        return self.mean_head(hidden), NARROWEST + (WIDEST - NARROWEST) * wide

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "aggregation": self.aggregation}


def gaussian_divergence(mean: Any, deviation: Any, from_mean: Any, from_deviation: Any) -> Any:
    """KL [B] of the Gaussian (mean, deviation) from another, diagonal, [B, d] each: 0 where they are the same.

    `sum ln(s' / s) + (s^2 + (m - m')^2) / (2 s'^2) - 1 / 2`
    """
    ratio = ops.log(from_deviation) - ops.log(deviation)
    squares = (ops.square(deviation) + ops.square(mean - from_mean)) / (2.0 * ops.square(from_deviation))
    return ops.sum(ratio + squares - 0.5, axis=-1)


def wasserstein_distance(mean: Any, deviation: Any, from_mean: Any, from_deviation: Any) -> Any:
    """Squared 2-Wasserstein distance [B] of two diagonal Gaussians [B, d]: `|m - m'|^2 + |s - s'|^2`."""
    return ops.sum(ops.square(mean - from_mean) + ops.square(deviation - from_deviation), axis=-1)
