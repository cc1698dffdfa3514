"""Interests of what a user did lately and of what they did before."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.attention.co_interest import CoInterest
from interestflow.models.layers.attention.interest_centers import InterestCenters
from interestflow.models.layers.sequence.history_windows import newest_behaviours, older_behaviours


@keras.saving.register_keras_serializable(package="interestflow")
class LongShortTermInterests(keras.layers.Layer):
    """2K interests of a history, K of its newest behaviours and K of those before; HCN-style, our reconstruction.

        C_S, C_L = InterestCenters of the `recent` newest behaviours, of those before them; weights of their own
        F_S, F_L = CoInterest(C_S, C_L), CoInterest(C_L, C_S)
        F        = [F_S; F_L]

    Args:
        width: `d`.
        interests: K.
        places: behaviours that a history has at most.
        recent: newest behaviours; None: a quarter of `places`, at least 2.
        rounds: see `InterestCenters`.
        temperature: likewise.
    """

    def __init__(
        self,
        width: int,
        interests: int,
        places: int,
        recent: int | None = None,
        rounds: int = 3,
        temperature: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sizes = {"width": width, "interests": interests, "places": places, "rounds": rounds}
        self.temperature = temperature
        self.recent = recent or max(places // 4, 2)
        self.short_centres = InterestCenters(width, interests, places, rounds, temperature, name="short_centres")
        self.long_centres = InterestCenters(width, interests, places, rounds, temperature, name="long_centres")
        self.short_with_long = CoInterest(width, name="short_with_long")
        self.long_with_short = CoInterest(width, name="long_with_short")

    def build(self, *_: Any) -> None:
        width = self.sizes["width"]
        for layer in (self.short_centres, self.long_centres):
            layer.build((None, None, width))
        for layer in (self.short_with_long, self.long_with_short):
            layer.build()

    def call(self, history: Any, mask: Any) -> tuple[Any, Any]:
        """[B, 2K, d] of behaviours [B, T, d] where bool [B, T] holds, and which of them, bool [B, 2K], are used."""
        short, short_used = self.short_centres(*newest_behaviours(history, mask, self.recent))
        long, long_used = self.long_centres(*older_behaviours(history, mask, self.recent))
        joined = [self.short_with_long(short, long, long_used), self.long_with_short(long, short, short_used)]
        return ops.concatenate(joined, axis=1), ops.concatenate([short_used, long_used], axis=1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.sizes, "recent": self.recent, "temperature": self.temperature}


def replace_unused(interests: Any, used: Any) -> Any:
    """[B, K, d] of which those that are not used repeat the first that is; zeros where none is."""
    first = ops.argmax(ops.cast(used, "int32"), axis=1)
    instead = ops.take_along_axis(interests, first[:, None, None], axis=1)
    interests = ops.where(used[:, :, None], interests, instead)
    return ops.where(ops.any(used, axis=1)[:, None, None], interests, ops.zeros_like(interests))


def soft_maximum(products: Any, temperature: float) -> Any:
    """`sum_k softmax_k(p_k / t) p_k` of products [B, K, ...]: nearly the largest, by which all of them learn."""
    return ops.sum(ops.softmax(products / temperature, axis=1) * products, axis=1)
