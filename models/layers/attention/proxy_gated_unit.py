"""Tokens gated by what their group's proxies found out."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="interestflow")
class ProxyGatedUnit(keras.layers.Layer):
    """`X * sigmoid(MLP(flatten proxies))`: one gate [B, d] for all tokens [B, N, d] of a group.

    INFNet (arXiv 2508.11565v1), section 3. With `shift`, its second version's `X * sigmoid(a) + b`, `[a, b]` from the
    same MLP, which is known to us from a port alone.

    Args:
        hidden: width of the MLP's one hidden layer.
        shift: whether what is gated is shifted too.
    """

    def __init__(self, hidden: int, shift: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden_units = hidden
        self.shift = shift
        self.hidden = keras.layers.Dense(hidden, activation="relu", name="hidden")

    def build(self, tokens_shape: Any, proxies_shape: Any) -> None:
        width = tokens_shape[-1]
        flat = (tokens_shape[0], proxies_shape[-2] * proxies_shape[-1])
        self.hidden.build(flat)
        self.gate = keras.layers.Dense(2 * width if self.shift else width, name="gate")
        self.gate.build((tokens_shape[0], self.hidden_units))

    def call(self, tokens: Any, proxies: Any) -> Any:
        flat = ops.reshape(proxies, (-1, proxies.shape[-2] * proxies.shape[-1]))
        gate = ops.expand_dims(self.gate(self.hidden(flat)), 1)
        if not self.shift:
            return tokens * ops.sigmoid(gate)
        scale, shift = ops.split(gate, 2, axis=-1)
        return tokens * ops.sigmoid(scale) + shift

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "hidden": self.hidden_units, "shift": self.shift}
