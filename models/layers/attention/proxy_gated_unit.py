"""Gate of a group's tokens, computed from the group's proxies."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.tensor import Shape, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class ProxyGatedUnit(keras.layers.Layer):
    """One gate [B, d] for all tokens of a group: `X * sigmoid(MLP(flatten(proxies)))`.

    With `shift`, `X * sigmoid(a) + b` with `[a, b]` from the same MLP.

    Args:
        hidden: width of the MLP's one hidden layer.
        shift: whether the gated tokens are shifted too.

    Example:

    >>> layer = ProxyGatedUnit(hidden=16)
    >>> tuple(layer(ops.ones((2, 7, 8)), ops.ones((2, 3, 8))).shape)
    (2, 7, 8)

    Reference:
        INFNet (arXiv 2508.11565v1), section 3. The shift is of the paper's second version, known to us from a port
        alone.
    """

    def __init__(self, hidden: int, shift: bool = False, **kwargs: Any) -> None:
        """Create the hidden layer; the width of the gate is known in `build`."""
        super().__init__(**kwargs)
        self.hidden_units = hidden
        self.shift = shift
        self.hidden = keras.layers.Dense(hidden, activation="relu", name="hidden")

    def build(self, tokens_shape: Shape, proxies_shape: Shape) -> None:
        """Build the MLP for tokens and proxies of these shapes."""
        width = tokens_shape[-1]
        self.hidden.build((tokens_shape[0], proxies_shape[-2] * proxies_shape[-1]))
        self.gate = keras.layers.Dense(2 * width if self.shift else width, name="gate")
        self.gate.build((tokens_shape[0], self.hidden_units))

    def call(self, tokens: Tensor, proxies: Tensor) -> Tensor:
        """Gate tokens [B, N, d] by proxies [B, M, d']: [B, N, d]."""
        flat = ops.reshape(proxies, (-1, proxies.shape[-2] * proxies.shape[-1]))
        gate = ops.expand_dims(self.gate(self.hidden(flat)), 1)
        if not self.shift:
            return tokens * ops.sigmoid(gate)
        scale, shift = ops.split(gate, 2, axis=-1)
        return tokens * ops.sigmoid(scale) + shift

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "hidden": self.hidden_units, "shift": self.shift}
