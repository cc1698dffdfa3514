"""Latent path of a neural process: a Gaussian over functions, narrower the more observations there are."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.masked_ops import masked_mean
from interestflow.models.tensor import Shape, Tensor

MIN_DEVIATION, MAX_DEVIATION = 0.1, 1.0
"""Bounds of a standard deviation that a network outputs: 0.1 + 0.9 * sigmoid, as in DeepMind's neural processes."""


@keras.saving.register_keras_serializable(package="interestflow")
class LatentPath(keras.layers.Layer):
    """Gaussian `q(z | C)` given the points c_j [B, N, d] of a context, invariant to their order.

    `mean`: `s = mean_j c_j`, then a hidden layer and two heads. A mean does not reveal the number of points, so the
    deviation falls with that number only as far as the model learns it.

    `precision`: each point has a mean and a deviation of its own, and they are multiplied with a standard normal prior:
    `1 / d^2 = 1 + sum_j 1 / d_j^2`, `m = d^2 sum_j m_j / d_j^2`. The deviation falls with every point by construction;
    without points it is 1.

    Args:
        width: size `d` of a point and of `z`.
        aggregation: `precision` or `mean`.

    Example:

    >>> path = LatentPath(width=8)
    >>> mean, deviation = path(ops.ones((2, 5, 8)), ops.zeros((2, 5), "bool"))
    >>> tuple(mean.shape), float(ops.max(deviation))  # no valid point: the prior
    ((2, 8), 1.0)

    Reference:
        `mean`: Attentive Neural Processes (arXiv 1901.05761). `precision`: Bayesian aggregation (Volpp et al., ICLR
        2021).
    """

    def __init__(self, width: int, aggregation: str = "precision", **kwargs: Any) -> None:
        """Create the hidden layer and the two heads."""
        super().__init__(**kwargs)
        if aggregation not in ("mean", "precision"):
            raise ValueError(f"`aggregation` should be mean or precision, received {aggregation!r}")
        self.width = width
        self.aggregation = aggregation
        self.hidden = keras.layers.Dense(width, activation="relu", name="hidden")
        self.mean_head = keras.layers.Dense(width, dtype="float32", name="mean")
        self.deviation_head = keras.layers.Dense(width, dtype="float32", name="deviation")

    def build(self, *_: Shape) -> None:
        """Build the layers, whose shapes follow from `width`."""
        for layer in (self.hidden, self.mean_head, self.deviation_head):
            layer.build((None, self.width))

    def call(self, points: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the Gaussian.

        Args:
            points: [B, N, d].
            mask: bool [B, N], true for the points of the context.

        Returns:
            Mean and standard deviation, float32 [B, d] each.
        """
        if self.aggregation == "mean":
            return self._apply_heads(masked_mean(points, mask))
        means, deviations = self._apply_heads(points)
        precisions = ops.expand_dims(ops.cast(mask, "float32"), -1) / ops.square(deviations)
        variance = 1.0 / (1.0 + ops.sum(precisions, axis=1))
        return variance * ops.sum(precisions * means, axis=1), ops.sqrt(variance)

    def _apply_heads(self, points: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.hidden(points)
        share = ops.sigmoid(self.deviation_head(hidden))
        return self.mean_head(hidden), MIN_DEVIATION + (MAX_DEVIATION - MIN_DEVIATION) * share

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "width": self.width, "aggregation": self.aggregation}


def gaussian_divergence(mean: Tensor, deviation: Tensor, from_mean: Tensor, from_deviation: Tensor) -> Tensor:
    """Compute the Kullback-Leibler divergence of a diagonal Gaussian from another: 0 if they are the same.

    `sum ln(s' / s) + (s^2 + (m - m')^2) / (2 s'^2) - 1 / 2`

    Args:
        mean: m, [B, d].
        deviation: standard deviation s, [B, d].
        from_mean: m', [B, d], of the Gaussian that it diverges from.
        from_deviation: s', [B, d].

    Returns:
        [B], in nats.
    """
    ratio = ops.log(from_deviation) - ops.log(deviation)
    squares = (ops.square(deviation) + ops.square(mean - from_mean)) / (2.0 * ops.square(from_deviation))
    return ops.sum(ratio + squares - 0.5, axis=-1)


def wasserstein_distance(mean: Tensor, deviation: Tensor, from_mean: Tensor, from_deviation: Tensor) -> Tensor:
    """Compute the squared 2-Wasserstein distance [B] of two diagonal Gaussians: `|m - m'|^2 + |s - s'|^2`.

    Arguments are those of `gaussian_divergence`.
    """
    return ops.sum(ops.square(mean - from_mean) + ops.square(deviation - from_deviation), axis=-1)
