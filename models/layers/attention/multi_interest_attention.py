"""Several interests drawn from one history by attention."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.masked_ops import masked_softmax
from interestflow.models.layers.sequence.temporal_encoding import TemporalEncoding, positions_from_end


@keras.saving.register_keras_serializable(package="interestflow")
class MultiInterestAttention(keras.layers.Layer):
    """Self-attentive interests: Cen et al. (ComiRec, KDD 2020, arXiv 2005.09347), equations 9 and 10.

    With behaviours `x_j` and a vector `p_j` for each place:

        a_k = softmax_j(w_k . tanh(W (x_j + p_j)))      over valid behaviours
        u_k = sum_j a_kj x_j                            values without their places, as in the authors' code

    The interests have no order of their own but that of the heads `w_k`, which all users share. Places are counted back
    from the newest behaviour, which is ours: the authors count from the oldest that is kept.

    Args:
        width: `d` of the behaviours.
        interests: K.
        places: how many places have a vector of their own; older behaviours share the last.
        units: width of the hidden layer; None: four times `width`, as in the authors' code.
    """

    def __init__(self, width: int, interests: int, places: int, units: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.interests, self.places, self.units = width, interests, places, units
        self.encoding = TemporalEncoding(places, width, name="places")
        self.hidden = keras.layers.Dense(units or 4 * width, activation="tanh", use_bias=False, name="hidden")
        self.heads = keras.layers.Dense(interests, use_bias=False, name="heads")

    def build(self, shape: Any, *_: Any) -> None:
        self.encoding.build()
        self.hidden.build(shape)
        self.heads.build((*shape[:-1], self.hidden.units))

    def call(self, history: Any, mask: Any) -> Any:
        """Interests [B, K, d] of behaviours [B, T, d] where bool [B, T] holds; zeros where it holds nowhere."""
        placed = history + self.encoding(positions_from_end(mask))
        scores = self.heads(self.hidden(placed))
        weights = masked_softmax(scores, ops.broadcast_to(mask[:, :, None], ops.shape(scores)), axis=1)
        values = ops.where(mask[:, :, None], history, ops.zeros_like(history))
        return ops.matmul(ops.transpose(ops.cast(weights, history.dtype), (0, 2, 1)), values)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(), "width": self.width, "interests": self.interests, "places": self.places,
            "units": self.units,
        }  # fmt: skip
