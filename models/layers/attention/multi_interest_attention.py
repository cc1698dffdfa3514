"""Several interests of one history by attention."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.masked_ops import masked_softmax
from interestflow.models.layers.sequence.temporal_encoding import TemporalEncoding, positions_from_end
from interestflow.models.tensor import Shape, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class MultiInterestAttention(keras.layers.Layer):
    """Self-attentive interests, one for each attention head.

    With behaviours `x_j` and an embedding `p_j` of each position:

        a_k = softmax_j(w_k . tanh(W (x_j + p_j)))      over valid behaviours
        u_k = sum_j a_kj x_j                            values without position embeddings, as in the authors' code

    The order of the interests is that of the heads `w_k`, which all users share. Positions are counted back from the
    newest behaviour, which is ours: the authors count from the oldest one of the truncated history.

    Args:
        width: size `d` of a behaviour.
        interests: number of interests, K.
        positions: number of positions with an embedding of their own; older behaviours share the last one.
        units: width of the hidden layer; without it, four times `width`, as in the authors' code.

    Example:

    >>> layer = MultiInterestAttention(width=8, interests=4, positions=20)
    >>> tuple(layer(ops.ones((2, 5, 8)), ops.ones((2, 5), "bool")).shape)
    (2, 4, 8)

    Reference:
        ComiRec (Cen et al., KDD 2020, arXiv 2005.09347), equations 9 and 10.
    """

    def __init__(self, width: int, interests: int, positions: int, units: int | None = None, **kwargs: Any) -> None:
        """Create the position embeddings and the attention's layers."""
        super().__init__(**kwargs)
        self.width, self.interests, self.positions, self.units = width, interests, positions, units
        self.encoding = TemporalEncoding(positions, width, name="positions")
        self.hidden = keras.layers.Dense(units or 4 * width, activation="tanh", use_bias=False, name="hidden")
        self.heads = keras.layers.Dense(interests, use_bias=False, name="heads")

    def build(self, shape: Shape, *_: Shape) -> None:
        """Build the layers for behaviours of `shape`."""
        self.encoding.build()
        self.hidden.build(shape)
        self.heads.build((*shape[:-1], self.hidden.units))

    def call(self, history: Tensor, mask: Tensor) -> Tensor:
        """Compute the interests of a history.

        Args:
            history: behaviours [B, T, d].
            mask: bool [B, T], true where there is a behaviour.

        Returns:
            [B, K, d]; zeros for a history without behaviours.
        """
        encoded = history + self.encoding(positions_from_end(mask))
        scores = self.heads(self.hidden(encoded))
        weights = masked_softmax(scores, ops.broadcast_to(mask[:, :, None], ops.shape(scores)), axis=1)
        values = ops.where(mask[:, :, None], history, ops.zeros_like(history))
        return ops.matmul(ops.transpose(ops.cast(weights, history.dtype), (0, 2, 1)), values)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(), "width": self.width, "interests": self.interests, "positions": self.positions,
            "units": self.units,
        }  # fmt: skip
