"""Attention of tokens to other tokens."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.masked_ops import masked_softmax
from interestflow.models.tensor import Shape, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class CrossAttention(keras.layers.Layer):
    """Single-head cross-attention of M queries to N tokens, at a cost of M times N.

    `softmax(Q W_q (X W_k)' / sqrt(d)) X W_v`. Masked tokens have weight zero, and where all tokens are masked, the
    result is zero.

    Args:
        width: size `d` of an output.
        single_token: whether there is always exactly one token. Its weight is 1 for any score, which is then not
        computed: no gradient would reach its weights.

    Example:

    >>> layer = CrossAttention(width=8)
    >>> tuple(layer(ops.ones((2, 3, 4)), ops.ones((2, 5, 6)), mask=ops.ones((2, 5), "bool")).shape)
    (2, 3, 8)

    Reference:
        INFNet (arXiv 2508.11565v1), section 3.
    """

    def __init__(self, width: int, single_token: bool = False, **kwargs: Any) -> None:
        """Create the projections."""
        super().__init__(**kwargs)
        self.width = width
        self.single_token = single_token
        self.supports_masking = True
        self.queries = keras.layers.Dense(width, use_bias=False, name="queries")
        self.keys = keras.layers.Dense(width, use_bias=False, name="keys")
        self.values = keras.layers.Dense(width, use_bias=False, name="values")

    def build(self, queries_shape: Shape, tokens_shape: Shape, *_: Shape) -> None:
        """Build the projections; those of the scores only where scores are computed."""
        if not self.single_token:
            self.queries.build(queries_shape)
            self.keys.build(tokens_shape)
        self.values.build(tokens_shape)

    def call(self, queries: Tensor, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attend to tokens.

        Args:
            queries: [B, M, d_q].
            tokens: [B, N, d_x].
            mask: bool [B, N], true where there is a token; without it, everywhere.

        Returns:
            [B, M, width].
        """
        if self.single_token:
            values = self.values(tokens)
            return ops.broadcast_to(values, (ops.shape(queries)[0], queries.shape[1], self.width))
        products = ops.matmul(self.queries(queries), ops.transpose(self.keys(tokens), (0, 2, 1)))
        scores = ops.cast(products, "float32") / float(self.width) ** 0.5
        valid = ops.ones_like(scores, "bool") if mask is None else ops.broadcast_to(mask[:, None, :], ops.shape(scores))
        weights = masked_softmax(scores, valid)
        return ops.matmul(ops.cast(weights, tokens.dtype), self.values(tokens))

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """Return None: there is one output for each query, and no query is padding."""

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "width": self.width, "single_token": self.single_token}
