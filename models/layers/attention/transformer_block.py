"""Transformer block over a few tokens that computes the output of only one of them."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.layer_normalization import LayerNormalization
from interestflow.models.layers.core.masked_ops import mask_scores
from interestflow.models.tensor import Shape, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class TransformerBlock(keras.layers.Layer):
    """Self-attention and a feed-forward layer, each followed by a residual connection and layer normalization.

        y = LayerNorm(x + MultiHeadAttention(x))
        y = LayerNorm(y + condition)                 if `conditioned`
        z = LayerNorm(y + W_2 relu(W_1 y))

    `call` computes one token of the result. Its parts, `queries`, `keys_values`, `attend` and `after_attention`, are
    public for those who need more tokens or already have some of them. Tokens are [N, B, d]: with the token axis first,
    the vectors of one token lie together and can be split off and concatenated without moving single numbers.
    Projections have no bias, as in DiffuMIN's code.

    Args:
        width: size `d` of a token.
        heads: number of attention heads, a divisor of `width`.
        expansion: width of the feed-forward layer, in multiples of `width`.
        conditioned: whether a condition is added, and the sum normalized, between attention and feed-forward layer.

    Example:

    >>> block = TransformerBlock(width=8, heads=2)
    >>> tuple(block(ops.ones((5, 3, 8))).shape)  # 5 tokens of 3 rows
    (3, 8)

    Reference:
        Attention Is All You Need (arXiv 1706.03762), section 3.1. DiffuMIN (arXiv 2508.15311), the authors' code.
    """

    def __init__(
        self, width: int, heads: int = 2, expansion: int = 3, conditioned: bool = False, **kwargs: Any
    ) -> None:
        """Create the projections, the feed-forward layer and the normalizations."""
        super().__init__(**kwargs)
        if width % heads:
            raise ValueError(f"`heads` should divide the width, {width}, received {heads}")
        self.width, self.heads, self.expansion, self.conditioned = width, heads, expansion, conditioned
        self.query = keras.layers.Dense(width, use_bias=False, name="query")
        self.key = keras.layers.Dense(width, use_bias=False, name="key")
        self.value = keras.layers.Dense(width, use_bias=False, name="value")
        self.joined_heads = keras.layers.Dense(width, use_bias=False, name="joined_heads")
        self.first_norm = LayerNormalization(name="first_norm")
        self.middle_norm = LayerNormalization(name="middle_norm") if conditioned else None
        self.inner = keras.layers.Dense(expansion * width, activation="relu", name="inner")
        self.outer = keras.layers.Dense(width, name="outer")
        self.last_norm = LayerNormalization(name="last_norm")

    def build(self, *_: Shape) -> None:
        """Build the layers, whose shapes follow from `width` and `expansion`."""
        shape = (None, None, self.width)
        for layer in (self.query, self.key, self.value, self.joined_heads, self.first_norm, self.inner, self.last_norm):
            layer.build(shape)
        if self.middle_norm is not None:
            self.middle_norm.build(shape)
        self.outer.build((None, None, self.expansion * self.width))

    def call(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compute the last token of the block's output.

        Args:
            tokens: [N, B, d].
            mask: bool [N, B], true for the tokens to attend to, at least one of each row; without it, all.

        Returns:
            [B, d].
        """
        last = tokens[-1]
        return self.after_attention(last, attend(self.queries(last), *self.keys_values(tokens), mask))

    def queries(self, tokens: Tensor) -> Tensor:
        """Project tokens [..., d] to queries [..., h, d / h], divided by the root of their size."""
        return self._split_heads(self.query(tokens)) * (self.width // self.heads) ** -0.5

    def keys_values(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Project tokens [..., d] to keys and values, [..., h, d / h] each."""
        return self._split_heads(self.key(tokens)), self._split_heads(self.value(tokens))

    def after_attention(self, tokens: Tensor, attended: Tensor, condition: Tensor | None = None) -> Tensor:
        """Apply the layers after the attention heads.

        Args:
            tokens: [..., d], the block's input.
            attended: [..., h, d / h], the result of `attend` for each of the tokens.
            condition: [..., d], required if `conditioned`.

        Returns:
            [..., d].
        """
        attention = self.joined_heads(ops.reshape(attended, (*_reshape_sizes(tokens.shape[:-1]), self.width)))
        tokens = self.first_norm(tokens + attention)
        if self.middle_norm is not None:
            tokens = self.middle_norm(tokens + condition)
        return self.last_norm(tokens + self.outer(self.inner(tokens)))

    def _split_heads(self, vectors: Tensor) -> Tensor:
        return ops.reshape(vectors, (*_reshape_sizes(vectors.shape[:-1]), self.heads, self.width // self.heads))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(), "width": self.width, "heads": self.heads, "expansion": self.expansion,
            "conditioned": self.conditioned,
        }  # fmt: skip


def attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
    """Attend from one query of each row to the tokens. Softmax is computed in float32.

    Products are multiplied and summed: a matrix multiplication of each row's few numbers takes longer.

    Args:
        queries: [..., h, w], already scaled.
        keys: [N, ..., h, w].
        values: [N, ..., h, w].
        mask: bool [N, ...], true for the tokens to attend to, at least one of each row; without it, all.

    Returns:
        [..., h, w].
    """
    scores = ops.cast(ops.sum(queries * keys, axis=-1, keepdims=True), "float32")
    if mask is not None:
        scores = mask_scores(scores, mask[..., None, None])
    weights = ops.exp(scores - ops.stop_gradient(ops.max(scores, axis=0)))
    weights = weights / ops.sum(weights, axis=0)
    return ops.sum(ops.cast(weights, values.dtype) * values, axis=0)


def _reshape_sizes(shape: Shape) -> list[int]:
    """Return a shape as `ops.reshape` takes it: -1 for the unknown size, if there is one."""
    return [-1 if size is None else size for size in shape]
