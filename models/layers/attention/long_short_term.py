"""Interests of a user's newest behaviours and of those before."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.attention.co_interest import CoInterest
from interestflow.models.layers.attention.interest_centers import InterestCenters
from interestflow.models.layers.sequence.history_windows import newest_behaviours, older_behaviours
from interestflow.models.tensor import Shape, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class LongShortTermInterests(keras.layers.Layer):
    """2K interests of a history: K short-term ones of its newest behaviours and K long-term ones of the others.

        C_S, C_L = InterestCenters of the `recent_length` newest behaviours, and of those before them; not shared
        F_S, F_L = CoInterest(C_S, C_L), CoInterest(C_L, C_S)
        F        = [F_S; F_L]

    Args:
        width: size `d` of behaviours and interests.
        interests: number of interests of each of the two horizons, K.
        history_length: largest number of behaviours of a history.
        recent_length: number of newest behaviours that form the short-term history; without it, a quarter of
            `history_length`, at least 2.
        routing_iterations: see `InterestCenters`.
        temperature: see `InterestCenters`.

    Example:

    >>> layer = LongShortTermInterests(width=8, interests=2, history_length=20)
    >>> interests, used = layer(ops.ones((3, 20, 8)), ops.ones((3, 20), "bool"))
    >>> tuple(interests.shape), tuple(used.shape)
    ((3, 4, 8), (3, 4))

    Reference:
        HCN (arXiv 2210.10547, abstract). The equations are our reconstruction.
    """

    def __init__(
        self,
        width: int,
        interests: int,
        history_length: int,
        recent_length: int | None = None,
        routing_iterations: int = 3,
        temperature: float = 0.1,
        **kwargs: Any,
    ) -> None:
        """Create the interest centers of both horizons and the exchange between them."""
        super().__init__(**kwargs)
        self.width, self.interests, self.history_length = width, interests, history_length
        self.recent_length = recent_length or max(history_length // 4, 2)
        self.routing_iterations, self.temperature = routing_iterations, temperature
        options = (width, interests, history_length, routing_iterations, temperature)
        self.short_term = InterestCenters(*options, name="short_term")
        self.long_term = InterestCenters(*options, name="long_term")
        self.short_with_long = CoInterest(width, name="short_with_long")
        self.long_with_short = CoInterest(width, name="long_with_short")

    def build(self, *_: Shape) -> None:
        """Build the layers, whose shapes follow from the constructor's arguments."""
        for centers in (self.short_term, self.long_term):
            centers.build((None, None, self.width))
        for exchange in (self.short_with_long, self.long_with_short):
            exchange.build()

    def call(self, history: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the interests of a history.

        Args:
            history: behaviours [B, T, d], oldest first, padded at the end.
            mask: bool [B, T], true where there is a behaviour.

        Returns:
            The interests [B, 2K, d], short-term ones first, and bool [B, 2K], which of them are used.
        """
        short, short_used = self.short_term(*newest_behaviours(history, mask, self.recent_length))
        long, long_used = self.long_term(*older_behaviours(history, mask, self.recent_length))
        interests = [self.short_with_long(short, long, long_used), self.long_with_short(long, short, short_used)]
        return ops.concatenate(interests, axis=1), ops.concatenate([short_used, long_used], axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(), "width": self.width, "interests": self.interests,
            "history_length": self.history_length, "recent_length": self.recent_length,
            "routing_iterations": self.routing_iterations, "temperature": self.temperature,
        }  # fmt: skip


def replace_unused(interests: Tensor, used: Tensor) -> Tensor:
    """Replace each unused interest by the first used one of the same user.

    Args:
        interests: [B, K, d].
        used: bool [B, K].

    Returns:
        [B, K, d]; zeros where none is used.
    """
    first = ops.argmax(ops.cast(used, "int32"), axis=1)
    replacement = ops.take_along_axis(interests, first[:, None, None], axis=1)
    interests = ops.where(used[:, :, None], interests, replacement)
    return ops.where(ops.any(used, axis=1)[:, None, None], interests, ops.zeros_like(interests))


def soft_maximum(products: Tensor, temperature: float) -> Tensor:
    """Compute `sum_k softmax_k(p_k / temperature) p_k`, nearly the maximum, whose gradient reaches every interest.

    Args:
        products: [B, K, ...].
        temperature: temperature of the softmax; the lower, the closer to the maximum.

    Returns:
        [B, ...].
    """
    return ops.sum(ops.softmax(products / temperature, axis=1) * products, axis=1)
