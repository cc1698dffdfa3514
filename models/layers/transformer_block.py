"""A transformer's block on a few tokens."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="interestflow")
class TransformerBlock(keras.layers.Layer):
    """Self-attention, then a feed-forward layer, each with residual and normalisation after it (Vaswani et al., 2017).

    Args:
        width: `d` of the tokens [B, N, d].
        heads: that divide it.
        expansion: of the feed-forward layer, times the width.
        conditioned: whether a vector [B, d], projected, is added between the two: attention to one token alone, whose
            weight is 1 whatever the scores.
    """

    def __init__(
        self, width: int, heads: int = 2, expansion: int = 3, conditioned: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if width % heads:
            raise ValueError(f"`heads` should divide the width, {width}, received {heads}")
        self.width, self.heads, self.expansion, self.conditioned = width, heads, expansion, conditioned
        self.attention = keras.layers.MultiHeadAttention(heads, width // heads, name="attention")
        self.first_norm = keras.layers.LayerNormalization(name="first_norm")
        self.condition = keras.layers.Dense(width, name="condition") if conditioned else None
        self.middle_norm = keras.layers.LayerNormalization(name="middle_norm") if conditioned else None
        self.inner = keras.layers.Dense(expansion * width, activation="relu", name="inner")
        self.outer = keras.layers.Dense(width, name="outer")
        self.last_norm = keras.layers.LayerNormalization(name="last_norm")
        self.supports_masking = True

    def build(self, shape: Any, *_: Any, **__: Any) -> None:
        self.attention.build(shape, shape)
        for norm in (self.first_norm, self.middle_norm, self.last_norm):
            if norm is not None:
                norm.build(shape)
        if self.condition is not None:
            self.condition.build((shape[0], self.width))
        self.inner.build(shape)
        self.outer.build((*shape[:-1], self.expansion * self.width))

    def call(self, tokens: Any, there: Any | None = None, condition: Any | None = None) -> Any:
        """Tokens [B, N, d]; there: bool [B, N], which are looked at; condition: [B, d]."""
        looked_at = None if there is None else ops.expand_dims(there, 1)
        tokens = self.first_norm(tokens + self.attention(tokens, tokens, attention_mask=looked_at))
        if self.condition is not None and self.middle_norm is not None:
            tokens = self.middle_norm(tokens + ops.expand_dims(self.condition(condition), 1))
        return self.last_norm(tokens + self.outer(self.inner(tokens)))

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """None: what is padding is said by `there`."""

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(), "width": self.width, "heads": self.heads, "expansion": self.expansion,
            "conditioned": self.conditioned,
        }  # fmt: skip
