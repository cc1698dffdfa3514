"""Exchange between the interests of two time horizons."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.masked_ops import masked_softmax
from interestflow.models.tensor import Shape, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class CoInterest(keras.layers.Layer):
    """Gated attention from the interests of one time horizon to those of the other.

    With interests `C` of this horizon and `O` of the other:

        O~ = softmax(C W O' / sqrt(d)) O         over the used interests of the other horizon
        g  = sigmoid(W_g [C; O~])
        F  = g * C + (1 - g) * O~

    Where no interest of the other horizon is used, `F` is `C`.

    Args:
        width: size `d` of an interest.

    Example:

    >>> layer = CoInterest(width=8)
    >>> short, long = ops.ones((2, 3, 8)), ops.ones((2, 4, 8))
    >>> tuple(layer(short, long, ops.ones((2, 4), "bool")).shape)
    (2, 3, 8)

    Reference:
        The "co-interest network" of HCN (arXiv 2210.10547, abstract), which says no more than that it integrates
        long-term and short-term interests. The equations are our reconstruction.
    """

    def __init__(self, width: int, **kwargs: Any) -> None:
        """Create the projection and the gate."""
        super().__init__(**kwargs)
        self.width = width
        self.projection = keras.layers.Dense(width, use_bias=False, name="projection")
        self.gate = keras.layers.Dense(width, activation="sigmoid", name="gate")

    def build(self, *_: Shape) -> None:
        """Build the projection and the gate, whose shapes depend only on `width`."""
        self.projection.build((None, None, self.width))
        self.gate.build((None, None, 2 * self.width))

    def call(self, interests: Tensor, other_interests: Tensor, used: Tensor) -> Tensor:
        """Mix interests with the interests of the other horizon that they attend to.

        Args:
            interests: interests [B, K, d] of this horizon.
            other_interests: interests [B, L, d] of the other horizon.
            used: bool [B, L], which interests of the other horizon are used.

        Returns:
            [B, K, d].
        """
        scores = (
            ops.cast(ops.einsum("bkd,bld->bkl", self.projection(interests), other_interests), "float32")
            / self.width**0.5
        )
        weights = masked_softmax(scores, ops.broadcast_to(used[:, None, :], ops.shape(scores)))
        attended = ops.einsum("bkl,bld->bkd", ops.cast(weights, other_interests.dtype), other_interests)
        gate = self.gate(ops.concatenate([interests, attended], axis=-1))
        mixed = gate * interests + (1.0 - gate) * attended
        return ops.where(ops.any(used, axis=1)[:, None, None], mixed, interests)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "width": self.width}
