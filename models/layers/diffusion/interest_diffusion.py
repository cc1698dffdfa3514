"""Denoising diffusion over interest vectors, conditioned on the other interests."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from interestflow.models.layers.attention.transformer_block import TransformerBlock, attend
from interestflow.models.layers.sequence.sinusoidal_encoding import sinusoidal_encoding
from interestflow.models.tensor import Shape, Tensor

LEVELS, FIRST_VARIANCE, LAST_VARIANCE = 1000, 1e-4, 0.02
"""Noise levels, first and last variance of the linear schedule: Ho et al. (2020), section 4, and DiffuMIN's code."""


class Schedule(NamedTuple):
    """Coefficients of the diffusion by noise level, float32 [LEVELS] each (Ho et al., 2020, equations 4 and 7).

    Attributes:
        signal: share of the original in the variance of a noised vector; Ho et al.'s cumulative alpha.
        original_weight: weight of the original in the mean of the posterior of the next lower level.
        noisy_weight: weight of the noisy vector in the same mean.
        deviation: standard deviation of that posterior.
    """

    signal: np.ndarray
    original_weight: np.ndarray
    noisy_weight: np.ndarray
    deviation: np.ndarray


def linear_schedule() -> Schedule:
    """Return the linear schedule. At level 0 the posterior is the original itself: its weights are 1 and 0."""
    variance = np.linspace(FIRST_VARIANCE, LAST_VARIANCE, LEVELS)
    signal = np.cumprod(1.0 - variance)
    previous = np.concatenate([[1.0], signal[:-1]])
    columns = (
        signal,
        np.sqrt(previous) * variance / (1.0 - signal),
        np.sqrt(1.0 - variance) * (1.0 - previous) / (1.0 - signal),
        np.sqrt(variance * (1.0 - previous) / (1.0 - signal)),
    )
    return Schedule(*(column.astype(np.float32) for column in columns))


class DenoisingContext(NamedTuple):
    """Condition of the denoiser for each channel, independent of the noise and its level.

    `N = c B` rows are those of the channels, one channel after the other.

    Attributes:
        others: [c - 1, N, d], the interests of the other channels.
        queries: [c - 1, N, h, d / h], their queries in the first block.
        keys: [c - 1, N, h, d / h], their keys in the first block.
        values: [c - 1, N, h, d / h], their values in the first block.
        attended: [c - 1, N, h, d / h], the result of their attention to one another.
        weight: float32 [c - 1, N, h, 1], logarithm of the sum of the exponentials of that attention's scores.
        conditions: [N, d] for each block, from the channel's direction.
    """

    others: Tensor
    queries: Tensor
    keys: Tensor
    values: Tensor
    attended: Tensor
    weight: Tensor
    conditions: tuple[Tensor, Tensor]


@keras.saving.register_keras_serializable(package="interestflow")
class InterestDenoiser(keras.layers.Layer):
    """Prediction of a channel's interest from its noisy version, the other channels' interests and its direction.

    Tokens are the interests [B, c, d], with one of them replaced by its noisy version plus an embedding of the noise
    level. Two transformer blocks are conditioned on the channel's direction, and the result is read at the noisy token.
    The denoiser predicts the original rather than the noise, in training and in sampling alike: the authors' code
    trains this way, but samples differently.

    Along the chain of noise levels only one token of `c` changes, so `context` computes once what depends on the others
    alone. In the first block, with `o` the noisy token, `j` one of the others, and `s` the scores:

        sum_k softmax(s_j)_k v_k = (1 - w_j) attended_j + w_j v_o,
        w_j = exp(s_jo) / (exp(s_jo) + sum_{k /= o} exp(s_jk)) = sigmoid(s_jo - weight_j)

    where `attended_j` is the mean of the other tokens' values without `o`. In the second block only the output of `o`
    is read, so the other tokens serve only as keys and values. The direction is one token: attention to it has
    weight 1 for any scores, and reduces to its projection. Tokens have no positions, as their order does not
    matter.

    Args:
        width: size `d` of an interest.
        heads: number of attention heads, a divisor of `width`.

    Example:

    >>> denoiser = InterestDenoiser(width=8)
    >>> denoiser.build()
    >>> interests, directions = ops.ones((2, 3, 8)), ops.ones((2, 3, 8))  # 2 rows of 3 channels
    >>> context = denoiser.context(interests, directions)
    >>> tuple(denoiser.denoise(interests, context, steps=4, seed=None).shape)
    (2, 3, 8)

    Reference:
        DiffuMIN (arXiv 2508.15311) and the authors' code; Ho et al. (2020), Denoising Diffusion Probabilistic Models,
        arXiv 2006.11239.
    """

    def __init__(self, width: int, heads: int = 2, **kwargs: Any) -> None:
        """Create the embedding of the noise level and the blocks."""
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

    def build(self, *_: Shape) -> None:
        """Build the layers, whose shapes follow from `width`."""
        self.level_inner.build((None, self.width))
        self.level_outer.build((None, 4 * self.width))
        self.first.build()
        self.second.build()
        for layer in (self.first_direction, self.second_direction, self.result):
            layer.build((None, self.width))

    def context(self, interests: Tensor, directions: Tensor) -> DenoisingContext:
        """Compute inputs that are independent of the noise, from channels' interests and directions, [B, c, d] each."""
        interests = ops.transpose(interests, (1, 0, 2))
        queries, (keys, values) = self.first.queries(interests), self.first.keys_values(interests)
        queries, keys, values = (_gather_others(tokens) for tokens in (queries, keys, values))
        scores = ops.cast(ops.sum(ops.expand_dims(queries, 1) * keys, axis=-1, keepdims=True), "float32")
        weight = ops.logsumexp(scores, axis=1)
        shares = ops.cast(ops.exp(scores - ops.expand_dims(weight, 1)), values.dtype)
        directions = self._flatten(directions)
        attended = ops.sum(shares * values, axis=1)
        conditions = self.first_direction(directions), self.second_direction(directions)
        return DenoisingContext(_gather_others(interests), queries, keys, values, attended, weight, conditions)

    def call(self, noisy: Tensor, context: DenoisingContext, levels: Tensor) -> Tensor:
        """Predict the original interests of all channels.

        Args:
            noisy: interests with noise, [B, c, d].
            context: result of `context` for the interests.
            levels: noise levels, int [B, c].

        Returns:
            [B, c, d].
        """
        original = self._predict(self._flatten(noisy), context, self._flatten(self._embed_levels(levels)))
        return ops.transpose(ops.reshape(original, (noisy.shape[1], -1, self.width)), (1, 0, 2))

    def add_noise(self, interests: Tensor, noise: Tensor, levels: Tensor) -> Tensor:
        """Mix interests [B, c, d] with standard normal noise [B, c, d] to the levels int [B, c]."""
        signal = ops.expand_dims(ops.take(ops.convert_to_tensor(self.schedule.signal), levels, axis=0), -1)
        signal = ops.cast(signal, interests.dtype)
        return ops.sqrt(signal) * interests + ops.sqrt(1.0 - signal) * noise

    def denoise(
        self, interests: Tensor, context: DenoisingContext, steps: int, seed: keras.random.SeedGenerator | None
    ) -> Tensor:
        """Add noise to interests up to level `steps - 1` and remove it step by step.

        Args:
            interests: [B, c, d].
            context: result of `context` for the interests.
            steps: number of denoising steps, at least 1.
            seed: `keras.random.SeedGenerator` of the noise; without it each step takes the mean, and the result is
                deterministic.

        Returns:
            [B, c, d].
        """
        state = self._flatten(interests)

        def noise() -> Tensor:
            return keras.random.normal(ops.shape(state), dtype=state.dtype, seed=seed)

        level_vectors = ops.unstack(self._embed_levels(ops.arange(steps)), steps, axis=0)
        signal = float(self.schedule.signal[steps - 1])
        state = signal**0.5 * state
        if seed is not None:
            state = state + (1.0 - signal) ** 0.5 * noise()
        for level in range(steps - 1, 0, -1):
            original = self._predict(state, context, level_vectors[level])
            original_weight, noisy_weight = self.schedule.original_weight[level], self.schedule.noisy_weight[level]
            state = float(original_weight) * original + float(noisy_weight) * state
            if seed is not None:
                state = state + float(self.schedule.deviation[level]) * noise()
        # At level 0 the posterior is the original itself.
        original = self._predict(state, context, level_vectors[0])
        return ops.transpose(ops.reshape(original, (interests.shape[1], -1, self.width)), (1, 0, 2))

    def _predict(self, noisy: Tensor, context: DenoisingContext, level: Tensor) -> Tensor:
        """Predict originals [N, d] of noisy vectors [N, d] from the embeddings of their levels, [N, d] or [d]."""
        noisy_token = ops.expand_dims(noisy + level, 0)
        query, (key, value) = self.first.queries(noisy_token), self.first.keys_values(noisy_token)
        scores = ops.cast(ops.sum(context.queries * key, axis=-1, keepdims=True), "float32")
        # The context may be in the layer's precision: Keras casts the arguments of a layer.
        share = ops.cast(ops.sigmoid(scores - ops.cast(context.weight, "float32")), value.dtype)
        others_attended = context.attended + share * (value - context.attended)
        keys, values = ops.concatenate([key, context.keys], axis=0), ops.concatenate([value, context.values], axis=0)
        own_attended = ops.expand_dims(attend(query[0], keys, values), 0)
        tokens = ops.concatenate([noisy_token, context.others], axis=0)
        attended = ops.concatenate([own_attended, others_attended], axis=0)
        tokens = self.first.after_attention(tokens, attended, context.conditions[0])
        # The gradient of a split is a concatenation; that of an index is padded with zeros.
        noisy_token = ops.split(tokens, [1], axis=0)[0][0]
        own_attended = attend(self.second.queries(noisy_token), *self.second.keys_values(tokens))
        return self.result(self.second.after_attention(noisy_token, own_attended, context.conditions[1]))

    def _flatten(self, vectors: Tensor) -> Tensor:
        """Reshape [B, c, d] to [c B, d]."""
        return ops.reshape(ops.transpose(vectors, (1, 0, 2)), (-1, self.width))

    def _embed_levels(self, levels: Tensor) -> Tensor:
        """Embed levels [...] as vectors [..., d]."""
        waves = sinusoidal_encoding(levels, self.width, endpoint=False)
        return self.level_outer(self.level_inner(ops.cast(waves, self.compute_dtype)))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "width": self.width, "heads": self.heads}


def _gather_others(vectors: Tensor) -> Tensor:
    """Return for the rows of each channel those of the other channels: [c, B, ...] to [c - 1, c B, ...]."""
    count = vectors.shape[0]
    if count == 1:
        return vectors[:0]
    rolled = [ops.roll(vectors, shift, axis=0) for shift in range(1, count)]
    return ops.stack([ops.reshape(rows, (-1, *rows.shape[2:])) for rows in rolled], axis=0)
