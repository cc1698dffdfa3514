"""Tokens that look at other tokens."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.masked_ops import masked_softmax


@keras.saving.register_keras_serializable(package="interestflow")
class CrossAttention(keras.layers.Layer):
    """`softmax(Q W_q (X W_k)' / sqrt(d)) X W_v`, one head: queries [B, M, d] look at tokens [B, N, d].

    INFNet (arXiv 2508.11565v1), section 3. Its cost is M times N. Tokens that the mask leaves out have no weight, and
    where it leaves out all, the result is zero.

    Args:
        width: `d` of what comes out.
        single_token: whether there is only ever one token. Its weight is 1 whatever the score, which is then not
            computed: no gradient would reach its weights.
    """

    def __init__(self, width: int, single_token: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.single_token = single_token
        self.supports_masking = True
        self.queries = keras.layers.Dense(width, use_bias=False, name="queries")
        self.keys = keras.layers.Dense(width, use_bias=False, name="keys")
        self.values = keras.layers.Dense(width, use_bias=False, name="values")

    def build(self, queries_shape: Any, tokens_shape: Any, *_: Any) -> None:
        if not self.single_token:
            self.queries.build(queries_shape)
            self.keys.build(tokens_shape)
        self.values.build(tokens_shape)

    def call(self, queries: Any, tokens: Any, mask: Any | None = None) -> Any:
        """[B, M, width]; mask: bool [B, N], or None for all."""
        if self.single_token:
            values = self.values(tokens)
            return ops.broadcast_to(values, (ops.shape(queries)[0], queries.shape[1], self.width))
        products = ops.matmul(self.queries(queries), ops.transpose(self.keys(tokens), (0, 2, 1)))
        scores = ops.cast(products, "float32") / float(self.width) ** 0.5
        there = ops.ones_like(scores, "bool") if mask is None else ops.broadcast_to(mask[:, None, :], ops.shape(scores))
        weights = masked_softmax(scores, there)
        return ops.matmul(ops.cast(weights, tokens.dtype), self.values(tokens))

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """What comes out is as many as the queries, of which none is padding."""

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "single_token": self.single_token}
