"""Interests as centres that compete for the behaviours of a history."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from interestflow.models.layers.attention.multi_interest_attention import MultiInterestAttention
from interestflow.models.layers.core.unit_norm import unit_norm
from interestflow.models.layers.sequence.temporal_encoding import TemporalEncoding, positions_from_end

EMPTY = 1e-6


@keras.saving.register_keras_serializable(package="interestflow")
class InterestCenters(keras.layers.Layer):
    """Centres that are moved, round by round, to the behaviours that are nearer to them than to other centres.

    "Updates interest centres iteratively" is all that is known of HCN's layer (arXiv 2210.10547, abstract); this is our
    reconstruction, with the competition of Slot Attention (Locatello et al., 2020, arXiv 2006.15055). With behaviours
    and centres of length 1, `x` and `k`, the latter with a vector for its place:

        C   = seeds + MultiInterestAttention(x)
        R   = softmax over *centres* of cos(C W_q, k W_k) / temperature     what each behaviour gives to each centre
        C   = sum_j R_j x_j W_v / sum_j R_j                                 replaced, not added to
        C  += FFN(LayerNorm(C))                                             which begins as zero

    and so on, with the same weights in each round. A softmax over behaviours, or a high temperature, does not compete:
    centres become the same. A residual update makes the centres differ by their seeds and cover the history badly.

    Args:
        width: `d`.
        centres: K.
        places: how many places have a vector of their own, counted back from the newest behaviour.
        rounds: at least 1.
        temperature: of the competition.
    """

    def __init__(
        self, width: int, centres: int, places: int, rounds: int = 3, temperature: float = 0.1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.width, self.centres, self.places = width, centres, places
        self.rounds, self.temperature = rounds, temperature
        self.encoding = TemporalEncoding(places, width, name="places")
        self.first = MultiInterestAttention(width, centres, places, units=width, name="first")
        near_identity = _NearIdentity()
        self.queries = keras.layers.Dense(width, kernel_initializer=near_identity, use_bias=False, name="queries")
        self.keys = keras.layers.Dense(width, kernel_initializer=near_identity, use_bias=False, name="keys")
        self.values = keras.layers.Dense(width, kernel_initializer=near_identity, use_bias=False, name="values")
        self.norm = keras.layers.LayerNormalization(name="norm")
        self.inner = keras.layers.Dense(2 * width, activation="relu", name="inner")
        self.outer = keras.layers.Dense(width, kernel_initializer="zeros", name="outer")

    def build(self, shape: Any, *_: Any) -> None:
        self.encoding.build()
        self.first.build(shape)
        for layer in (self.queries, self.keys, self.values, self.norm, self.inner):
            layer.build((None, None, self.width))
        self.outer.build((None, None, 2 * self.width))
        spread = keras.initializers.RandomNormal(stddev=self.width**-0.5)
        self.seeds = self.add_weight(name="seeds", shape=(self.centres, self.width), initializer=spread)

    def call(self, history: Any, mask: Any) -> tuple[Any, Any]:
        """Centres [B, K, d] of behaviours [B, T, d] where bool [B, T] holds, and which of them, bool [B, K], are used.

        A centre is not used if it has less than half of what each has of a single behaviour that they share evenly.
        One of them always is, unless there is no behaviour.
        """
        centres, shares = self.assigned(history, mask)
        return centres, ops.sum(shares, axis=2) >= 0.5 / self.centres

    def assigned(self, history: Any, mask: Any) -> tuple[Any, Any]:
        """Centres [B, K, d], and float32 [B, K, T], what each behaviour gave to each; over centres they sum to 1."""
        there = mask[:, :, None]
        placed = history + self.encoding(positions_from_end(mask))
        values = unit_norm(ops.where(there, history, ops.zeros_like(history)))
        keys = unit_norm(self.keys(unit_norm(ops.where(there, placed, ops.zeros_like(placed)))))
        keys = ops.transpose(keys, (0, 2, 1))
        centres = self.first(values, mask) + ops.cast(self.seeds, history.dtype)
        projected = self.values(values)
        shares = None
        for _ in range(self.rounds):
            cosines = ops.matmul(unit_norm(self.queries(centres)), keys)
            shares = ops.softmax(ops.cast(cosines, "float32") / self.temperature, axis=1)
            shares = shares * ops.cast(mask[:, None, :], "float32")
            weights = shares / (ops.sum(shares, axis=2, keepdims=True) + EMPTY)
            centres = ops.matmul(ops.cast(weights, history.dtype), projected)
            centres = centres + self.outer(self.inner(self.norm(centres)))
        return centres, shares

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(), "width": self.width, "centres": self.centres, "places": self.places,
            "rounds": self.rounds, "temperature": self.temperature,
        }  # fmt: skip


class _NearIdentity(keras.initializers.Initializer):
    """The identity and a little noise: centres begin in the behaviours' own space."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        noise = keras.random.normal(shape, stddev=0.1 * shape[0] ** -0.5, dtype=dtype)
        return ops.cast(np.eye(*shape), dtype) + noise
