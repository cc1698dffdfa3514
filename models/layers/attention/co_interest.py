"""Interests of two horizons that look at one another."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.masked_ops import masked_softmax


@keras.saving.register_keras_serializable(package="interestflow")
class CoInterest(keras.layers.Layer):
    """What one horizon's interests take over from the other's: a "co-interest network", in our reconstruction.

    With interests `C` of this horizon and `O` of the other:

        O~ = softmax(C W O' / sqrt(d)) O         over those of the other that are used
        g  = sigmoid(W_g [C; O~])
        F  = g * C + (1 - g) * O~

    HCN (arXiv 2210.10547) says no more than that it integrates long-term and short-term interests. Where the other
    horizon has none, `F` is `C`.

    Args:
        width: `d`.
    """

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.projection = keras.layers.Dense(width, use_bias=False, name="projection")
        self.gate = keras.layers.Dense(width, activation="sigmoid", name="gate")

    def build(self, *_: Any) -> None:
        self.projection.build((None, None, self.width))
        self.gate.build((None, None, 2 * self.width))

    def call(self, own: Any, other: Any, used: Any) -> Any:
        """[B, K, d] of own interests [B, K, d] and others [B, L, d], of which bool [B, L] are used."""
        scores = ops.cast(ops.einsum("bkd,bld->bkl", self.projection(own), other), "float32") / self.width**0.5
        weights = masked_softmax(scores, ops.broadcast_to(used[:, None, :], ops.shape(scores)))
        seen = ops.einsum("bkl,bld->bkd", ops.cast(weights, other.dtype), other)
        gate = self.gate(ops.concatenate([own, seen], axis=-1))
        mixed = gate * own + (1.0 - gate) * seen
        return ops.where(ops.any(used, axis=1)[:, None, None], mixed, own)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}
