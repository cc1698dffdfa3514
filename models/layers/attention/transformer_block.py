"""A transformer's block on a few tokens of which one is read."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.layer_normalization import LayerNormalization
from interestflow.models.layers.core.masked_ops import mask_scores


@keras.saving.register_keras_serializable(package="interestflow")
class TransformerBlock(keras.layers.Layer):
    """Self-attention, then a feed-forward layer, each with residual and normalisation after it (Vaswani et al., 2017).

    `call` computes one token of the result; `keys_values`, `queries`, `attend` and `after_attention` are its parts, for
    those who need more tokens or already have some of them. Tokens are [N, B, d]: along the first axis, a token's
    vectors of all rows lie together and can be taken out and joined without moving single numbers. Projections are
    without bias, as in DiffuMIN's code.

    Args:
        width: `d`.
        heads: `h`, that divide it.
        expansion: of the feed-forward layer, times the width.
        conditioned: whether something is added, and normalised, between the two.
    """

    def __init__(
        self, width: int, heads: int = 2, expansion: int = 3, conditioned: bool = False, **kwargs: Any
    ) -> None:
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

    def build(self, *_: Any) -> None:
        shape = (None, None, self.width)
        for layer in (self.query, self.key, self.value, self.joined_heads, self.first_norm, self.inner, self.last_norm):
            layer.build(shape)
        if self.middle_norm is not None:
            self.middle_norm.build(shape)
        self.outer.build((None, None, self.expansion * self.width))

    def call(self, tokens: Any, there: Any | None = None) -> Any:
        """What becomes of the last of the tokens [N, B, d], [B, d]; there: bool [N, B], which are looked at."""
        last = tokens[-1]
        return self.after_attention(last, attend(self.queries(last), *self.keys_values(tokens), there))

    def queries(self, tokens: Any) -> Any:
        """[..., h, d / h] of tokens [..., d], over the root of their length."""
        return self._by_head(self.query(tokens)) * (self.width // self.heads) ** -0.5

    def keys_values(self, tokens: Any) -> tuple[Any, Any]:
        """Each [..., h, d / h] of tokens [..., d]."""
        return self._by_head(self.key(tokens)), self._by_head(self.value(tokens))

    def after_attention(self, tokens: Any, attended: Any, condition: Any | None = None) -> Any:
        """Tokens [..., d] and what each saw, [..., h, d / h]; condition: what is added between, [..., d]."""
        seen = self.joined_heads(ops.reshape(attended, (*_free(tokens.shape[:-1]), self.width)))
        tokens = self.first_norm(tokens + seen)
        if self.middle_norm is not None:
            tokens = self.middle_norm(tokens + condition)
        return self.last_norm(tokens + self.outer(self.inner(tokens)))

    def _by_head(self, vectors: Any) -> Any:
        return ops.reshape(vectors, (*_free(vectors.shape[:-1]), self.heads, self.width // self.heads))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(), "width": self.width, "heads": self.heads, "expansion": self.expansion,
            "conditioned": self.conditioned,
        }  # fmt: skip


def attend(queries: Any, keys: Any, values: Any, there: Any | None = None) -> Any:
    """What one query a row, [..., h, w], sees of tokens [N, ..., h, w]; there: bool [N, ...], one at least a row.

    A product and a sum: a matrix multiplication of each row's few numbers takes longer. Softmax in float32.
    """
    scores = ops.cast(ops.sum(queries * keys, axis=-1, keepdims=True), "float32")
    if there is not None:
        scores = mask_scores(scores, there[..., None, None])
    weights = ops.exp(scores - ops.stop_gradient(ops.max(scores, axis=0)))
    weights = weights / ops.sum(weights, axis=0)
    return ops.sum(ops.cast(weights, values.dtype) * values, axis=0)


def _free(shape: Any) -> list[int]:
    """For a reshape; one of the sizes at most is not known."""
    return [-1 if size is None else size for size in shape]
