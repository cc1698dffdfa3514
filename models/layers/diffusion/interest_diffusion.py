"""Interests noised by noise and denoised in the light of the others."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from interestflow.models.layers.attention.transformer_block import TransformerBlock, attend
from interestflow.models.layers.sequence.sinusoidal_encoding import sinusoidal_encoding

LEVELS, FIRST, LAST = 1000, 1e-4, 0.02
"""Noise levels, and the linear schedule's first and last variance (Ho et al., 2020, section 4; the authors' too)."""


class Schedule(NamedTuple):
    """By level, float32: `kept` is how much of the variance is the original's; `to_original` and `to_noisy` are the
    weights of the posterior's mean, `deviation` its standard deviation (Ho et al., 2020, equations 4 and 7)."""

    kept: np.ndarray
    to_original: np.ndarray
    to_noisy: np.ndarray
    deviation: np.ndarray


def linear_schedule() -> Schedule:
    """The linear one. At level 0 the posterior is the original itself: weights 1 and 0."""
    variance = np.linspace(FIRST, LAST, LEVELS)
    kept = np.cumprod(1.0 - variance)
    before = np.concatenate([[1.0], kept[:-1]])
    columns = (
        kept,
        np.sqrt(before) * variance / (1.0 - kept),
        np.sqrt(1.0 - variance) * (1.0 - before) / (1.0 - kept),
        np.sqrt(variance * (1.0 - before) / (1.0 - kept)),
    )
    return Schedule(*(column.astype(np.float32) for column in columns))


class DenoisingContext(NamedTuple):
    """What a channel's noisy interest is to be found out from, whatever the noise and its level.

    With `N = c B`, the channels' rows one after the other. `others` [c - 1, N, d] are the other channels' interests;
    `queries`, `keys` and `values`, [c - 1, N, h, d / h], the first block's of them; `seen`, likewise, what each of them
    sees of one another, and `weight` [c - 1, N, h, 1] the logarithm of the sum of the weights by which it does;
    `conditions` [N, d] are each block's of the channel's direction.
    """

    others: Any
    queries: Any
    keys: Any
    values: Any
    seen: Any
    weight: Any
    conditions: tuple[Any, Any]


@keras.saving.register_keras_serializable(package="interestflow")
class InterestDenoiser(keras.layers.Layer):
    """Predicts a channel's interest from its noisy version, the other channels' interests, and the channel itself.

    Tokens are the interests [B, c, d] with one of them replaced by its noisy version plus an embedding of the level;
    two blocks of self-attention, the channel's direction, and a feed-forward layer; read where the noisy one stood.
    DiffuMIN (arXiv 2508.15311), the authors' code; that it predicts the original rather than the noise, in training and
    in sampling alike, is how the code trains, not how it samples.

    Along the chain of noise levels one token of `c` changes, so `context` computes once what the others alone
    decide. In the first block, with `o` the noisy token and `j` one of the others, whose scores are `s`:

        sum_k softmax(s_j)_k v_k = (1 - w_j) seen_j + w_j v_o,
        w_j = exp(s_jo) / (exp(s_jo) + sum_{k /= o} exp(s_jk)) = sigmoid(s_jo - weight_j)

    where `seen_j` is the mean of the other tokens' values that there would be without `o`. In the second block only
    what becomes of `o` is read, so that the other tokens are looked at and no more. The direction is one token:
    attention to it has weight 1 whatever the scores, and its projection is all that there is. No token has a place:
    their order does not matter.

    Args:
        width: `d`.
        heads: that divide it.
    """

    def __init__(self, width: int, heads: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.heads = width, heads
        self.level_inner = keras.layers.Dense(4 * width, activation="swish", name="level_inner")
        self.level_outer = keras.layers.Dense(width, name="level_outer")
        self.first = TransformerBlock(width, heads, 3, True, name="first")
        self.second = TransformerBlock(width, heads, 3, True, name="second")
        self.first_direction = keras.layers.Dense(width, name="first_direction")
        self.second_direction = keras.layers.Dense(width, name="second_direction")
        self.result = keras.layers.Dense(width, name="result")
        self.schedule = linear_schedule()

    def build(self, *_: Any) -> None:
        self.level_inner.build((None, self.width))
        self.level_outer.build((None, 4 * self.width))
        self.first.build()
        self.second.build()
        for layer in (self.first_direction, self.second_direction, self.result):
            layer.build((None, self.width))

    def context(self, interests: Any, channels: Any) -> DenoisingContext:
        """What does not change with noise; interests [B, c, d], and channels [B, c, d], the directions."""
        interests = ops.transpose(interests, (1, 0, 2))
        queries, (keys, values) = self.first.queries(interests), self.first.keys_values(interests)
        queries, keys, values = (_of_others(each) for each in (queries, keys, values))
        scores = ops.cast(ops.sum(ops.expand_dims(queries, 1) * keys, axis=-1, keepdims=True), "float32")
        weight = ops.logsumexp(scores, axis=1)
        shares = ops.cast(ops.exp(scores - ops.expand_dims(weight, 1)), values.dtype)
        directions = self._rows(channels)
        seen = ops.sum(shares * values, axis=1)
        conditions = self.first_direction(directions), self.second_direction(directions)
        return DenoisingContext(_of_others(interests), queries, keys, values, seen, weight, conditions)

    def call(self, noisy: Any, context: DenoisingContext, levels: Any) -> Any:
        """The originals [B, c, d] of noisy ones [B, c, d], all channels at once; levels: int [B, c]."""
        found = self._original(self._rows(noisy), context, self._rows(self._embedded(levels)))
        return ops.transpose(ops.reshape(found, (noisy.shape[1], -1, self.width)), (1, 0, 2))

    def add_noise(self, interests: Any, noise: Any, levels: Any) -> Any:
        """Interests [B, c, d] at the given levels [B, c] of noise [B, c, d]."""
        kept = ops.expand_dims(ops.take(ops.convert_to_tensor(self.schedule.kept), levels, axis=0), -1)
        kept = ops.cast(kept, interests.dtype)
        return ops.sqrt(kept) * interests + ops.sqrt(1.0 - kept) * noise

    def denoise(self, interests: Any, context: DenoisingContext, steps: int, seed: Any | None) -> Any:
        """Interests [B, c, d] noised to the level `steps - 1` and brought back step by step.

        Args:
            interests: [B, c, d].
            context: of them.
            steps: at least 1.
            seed: of the noise; None takes the mean at every step, so that the same comes out each time.
        """
        state = self._rows(interests)

        def noise() -> Any:
            return keras.random.normal(ops.shape(state), dtype=state.dtype, seed=seed)

        of_level = ops.unstack(self._embedded(ops.arange(steps)), steps, axis=0)
        kept = float(self.schedule.kept[steps - 1])
        state = kept**0.5 * state
        if seed is not None:
            state = state + (1.0 - kept) ** 0.5 * noise()
        for level in range(steps - 1, 0, -1):
            original = self._original(state, context, of_level[level])
            state = float(self.schedule.to_original[level]) * original + float(self.schedule.to_noisy[level]) * state
            if seed is not None:
                state = state + float(self.schedule.deviation[level]) * noise()
        # At level 0 the posterior is the original itself.
        found = self._original(state, context, of_level[0])
        return ops.transpose(ops.reshape(found, (interests.shape[1], -1, self.width)), (1, 0, 2))

    def _original(self, noisy: Any, around: DenoisingContext, level: Any) -> Any:
        """[N, d] of noisy [N, d] and the level's vectors, [N, d] or [d]."""
        own = ops.expand_dims(noisy + level, 0)
        query, (key, value) = self.first.queries(own), self.first.keys_values(own)
        scores = ops.cast(ops.sum(around.queries * key, axis=-1, keepdims=True), "float32")
        # Keras casts what a layer is called with to the layer's precision.
        share = ops.cast(ops.sigmoid(scores - ops.cast(around.weight, "float32")), value.dtype)
        others_see = around.seen + share * (value - around.seen)
        keys, values = ops.concatenate([key, around.keys], axis=0), ops.concatenate([value, around.values], axis=0)
        sees = ops.expand_dims(attend(query[0], keys, values), 0)
        tokens = ops.concatenate([own, around.others], axis=0)
        attended = ops.concatenate([sees, others_see], axis=0)
        tokens = self.first.after_attention(tokens, attended, around.conditions[0])
        own = ops.split(tokens, [1], axis=0)[0][0]  # a split's gradient is joined, an index's filled up with zeros
        sees = attend(self.second.queries(own), *self.second.keys_values(tokens))
        return self.result(self.second.after_attention(own, sees, around.conditions[1]))

    def _rows(self, vectors: Any) -> Any:
        """[B, c, d] to [c B, d]."""
        return ops.reshape(ops.transpose(vectors, (1, 0, 2)), (-1, self.width))

    def _embedded(self, levels: Any) -> Any:
        """Vectors [..., d] of levels [...]."""
        waves = sinusoidal_encoding(levels, self.width, endpoint=False)
        return self.level_outer(self.level_inner(ops.cast(waves, self.compute_dtype)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "heads": self.heads}


def _of_others(vectors: Any) -> Any:
    """[c, B, ...] of channels to [c - 1, c B, ...]: for each channel's rows, those of the other channels."""
    count = vectors.shape[0]
    if count == 1:
        return vectors[:0]
    turned = [ops.roll(vectors, shift, axis=0) for shift in range(1, count)]
    return ops.stack([ops.reshape(each, (-1, *each.shape[2:])) for each in turned], axis=0)
