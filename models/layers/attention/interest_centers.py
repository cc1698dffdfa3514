"""Interest centers that compete for the behaviours of a history."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from interestflow.models.layers.attention.multi_interest_attention import MultiInterestAttention
from interestflow.models.layers.core.unit_norm import unit_norm
from interestflow.models.layers.sequence.temporal_encoding import TemporalEncoding, positions_from_end
from interestflow.models.tensor import Shape, Tensor

EMPTY = 1e-6
"""Added to the total weight of a center, which may have no behaviour."""


@keras.saving.register_keras_serializable(package="interestflow")
class InterestCenters(keras.layers.Layer):
    """Interests as centers that each routing iteration moves to the behaviours nearest to them.

    With behaviours `x` of unit norm, and `k` the same after adding an embedding of their position:

        C   = seeds + MultiInterestAttention(x)
        R   = softmax over *centers* of cos(C W_q, k W_k) / temperature     share of each behaviour for each center
        C   = sum_j R_j x_j W_v / sum_j R_j                                 replaced, not added to
        C  += FFN(LayerNorm(C))                                             starts at zero

    and so on, with the same weights in each iteration. A softmax over behaviours, or a high temperature, does not make
    centers compete: they become the same. A residual update makes the centers differ by their seeds and cover the
    history badly.

    Args:
        width: size `d` of behaviours and centers.
        interests: number of centers, K.
        positions: number of positions with an embedding of their own, counted back from the newest behaviour.
        routing_iterations: at least 1.
        temperature: temperature of the softmax over centers.

    Example:

    >>> layer = InterestCenters(width=8, interests=3, positions=20)
    >>> centers, used = layer(ops.ones((2, 5, 8)), ops.ones((2, 5), "bool"))
    >>> tuple(centers.shape), tuple(used.shape)
    ((2, 3, 8), (2, 3))

    Reference:
        HCN (arXiv 2210.10547, abstract), of which only "updates interest centers iteratively" is known. This is our
        reconstruction, with the competition of Slot Attention (Locatello et al., 2020, arXiv 2006.15055).
    """

    def __init__(
        self,
        width: int,
        interests: int,
        positions: int,
        routing_iterations: int = 3,
        temperature: float = 0.1,
        **kwargs: Any,
    ) -> None:
        """Create the attention that the centers start from, and the projections of an iteration."""
        super().__init__(**kwargs)
        self.width, self.interests, self.positions = width, interests, positions
        self.routing_iterations, self.temperature = routing_iterations, temperature
        self.encoding = TemporalEncoding(positions, width, name="positions")
        self.first = MultiInterestAttention(width, interests, positions, units=width, name="first")
        near_identity = _NearIdentity()
        self.queries = keras.layers.Dense(width, kernel_initializer=near_identity, use_bias=False, name="queries")
        self.keys = keras.layers.Dense(width, kernel_initializer=near_identity, use_bias=False, name="keys")
        self.values = keras.layers.Dense(width, kernel_initializer=near_identity, use_bias=False, name="values")
        self.norm = keras.layers.LayerNormalization(name="norm")
        self.inner = keras.layers.Dense(2 * width, activation="relu", name="inner")
        self.outer = keras.layers.Dense(width, kernel_initializer="zeros", name="outer")

    def build(self, shape: Shape, *_: Shape) -> None:
        """Build the layers and create the seeds [K, d]."""
        self.encoding.build()
        self.first.build(shape)
        for layer in (self.queries, self.keys, self.values, self.norm, self.inner):
            layer.build((None, None, self.width))
        self.outer.build((None, None, 2 * self.width))
        spread = keras.initializers.RandomNormal(stddev=self.width**-0.5)
        self.seeds = self.add_weight(name="seeds", shape=(self.interests, self.width), initializer=spread)

    def call(self, history: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the centers of a history.

        Args:
            history: behaviours [B, T, d].
            mask: bool [B, T], true where there is a behaviour.

        Returns:
            The centers [B, K, d], and bool [B, K], which of them are used. A center is used if it has at least half of
            the share that each center has of a single, evenly shared behaviour. At least one is used, unless there is
            no behaviour.
        """
        centers, shares = self.assign(history, mask)
        return centers, ops.sum(shares, axis=2) >= 0.5 / self.interests

    def assign(self, history: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the centers [B, K, d] and the share of each behaviour for each center, float32 [B, K, T].

        The shares of a behaviour sum to 1 over the centers. Arguments are those of `call`.
        """
        valid = mask[:, :, None]
        encoded = history + self.encoding(positions_from_end(mask))
        values = unit_norm(ops.where(valid, history, ops.zeros_like(history)))
        keys = unit_norm(self.keys(unit_norm(ops.where(valid, encoded, ops.zeros_like(encoded)))))
        keys = ops.transpose(keys, (0, 2, 1))
        centers = self.first(values, mask) + ops.cast(self.seeds, history.dtype)
        projected = self.values(values)
        for _ in range(self.routing_iterations):
            cosines = ops.matmul(unit_norm(self.queries(centers)), keys)
            shares = ops.softmax(ops.cast(cosines, "float32") / self.temperature, axis=1)
            shares = shares * ops.cast(mask[:, None, :], "float32")
            weights = shares / (ops.sum(shares, axis=2, keepdims=True) + EMPTY)
            centers = ops.matmul(ops.cast(weights, history.dtype), projected)
            centers = centers + self.outer(self.inner(self.norm(centers)))
        return centers, shares

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(), "width": self.width, "interests": self.interests, "positions": self.positions,
            "routing_iterations": self.routing_iterations, "temperature": self.temperature,
        }  # fmt: skip


class _NearIdentity(keras.initializers.Initializer):
    """Identity matrix plus a little noise, so that centers start in the space of the behaviours."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        noise = keras.random.normal(shape, stddev=0.1 * shape[0] ** -0.5, dtype=dtype)
        return ops.cast(np.eye(*shape), dtype) + noise
