"""Interests blurred by noise and restored in the light of the others."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from models.layers.transformer_block import TransformerBlock

LEVELS, FIRST, LAST = 1000, 1e-4, 0.02
"""Noise levels, and the linear schedule's first and last variance (Ho et al., 2020, section 4; the authors' too)."""


class Schedule(NamedTuple):
    """By level, float32: `kept` is how much of the variance is the original's; `to_original` and `to_noisy` are the
    weights of the posterior's mean, `deviation` its standard deviation (Ho et al., 2020, equations 4 and 7)."""

    kept: np.ndarray
    to_original: np.ndarray
    to_noisy: np.ndarray
    deviation: np.ndarray


def schedule() -> Schedule:
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


@keras.saving.register_keras_serializable(package="interestflow")
class InterestDenoiser(keras.layers.Layer):
    """Predicts a channel's interest from its noisy version, the other channels' interests, and the channel itself.

    Tokens are the interests [B, c, d] with one of them replaced by its noisy version plus an embedding of the level;
    two blocks of self-attention, the channel's direction, and a feed-forward layer; read where the noisy one stood.
    DiffuMIN (arXiv 2508.15311), the authors' code; that it predicts the original rather than the noise, in training and
    in sampling alike, is how the code trains, not how it samples.

    Args:
        width: `d`.
        heads: that divide it.
        blocks: number of blocks.
    """

    def __init__(self, width: int, heads: int = 2, blocks: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.heads, self.block_count = width, heads, blocks
        self.level_inner = keras.layers.Dense(4 * width, activation="swish", name="level_inner")
        self.level_outer = keras.layers.Dense(width, name="level_outer")
        self.blocks = [TransformerBlock(width, heads, 3, True, name=f"block_{i}") for i in range(blocks)]
        self.result = keras.layers.Dense(width, name="result")
        self.schedule = schedule()

    def build(self, *_: Any) -> None:
        self.level_inner.build((None, self.width))
        self.level_outer.build((None, 4 * self.width))
        for block in self.blocks:
            block.build((None, None, self.width))
        self.result.build((None, self.width))

    def call(self, noisy: Any, interests: Any, channels: Any, levels: Any) -> Any:
        """The originals [B, c, d], all channels at once.

        Args:
            noisy: [B, c, d].
            interests: [B, c, d], what the other channels are to be told.
            channels: [B, c, d], the directions.
            levels: int [B, c].
        """
        count = noisy.shape[1]
        own = ops.reshape(ops.eye(count, dtype=noisy.dtype), (1, count, count, 1))
        level = self.level_outer(self.level_inner(ops.cast(self._sinusoids(levels), noisy.dtype)))
        # One row a channel: its own token is noisy, the others are as they are.
        tokens = ops.expand_dims(interests, 1) * (1.0 - own) + ops.expand_dims(noisy + level, 2) * own
        tokens = ops.reshape(tokens, (-1, count, self.width))
        condition = ops.reshape(channels, (-1, self.width))
        for block in self.blocks:
            tokens = block(tokens, condition=condition)
        tokens = ops.reshape(tokens, (-1, count, count, self.width))
        return self.result(ops.sum(tokens * own, axis=2))

    def blurred(self, interests: Any, noise: Any, levels: Any) -> Any:
        """Interests [B, c, d] at the given levels [B, c] of noise [B, c, d]."""
        kept = ops.expand_dims(ops.take(ops.convert_to_tensor(self.schedule.kept), levels, axis=0), -1)
        kept = ops.cast(kept, interests.dtype)
        return ops.sqrt(kept) * interests + ops.sqrt(1.0 - kept) * noise

    def restored(self, interests: Any, channels: Any, steps: int, seed: Any | None) -> Any:
        """Interests [B, c, d] blurred to the level `steps - 1` and brought back step by step.

        Args:
            interests: [B, c, d].
            channels: [B, c, d].
            steps: at least 1.
            seed: of the noise; None takes the mean at every step, so that the same comes out each time.
        """

        def noise() -> Any:
            if seed is None:
                return ops.zeros_like(interests)
            return keras.random.normal(ops.shape(interests), dtype=interests.dtype, seed=seed)

        levels = ops.zeros(ops.shape(interests)[:2], "int32")
        state = self.blurred(interests, noise(), levels + (steps - 1))
        for level in range(steps - 1, -1, -1):
            original = self(state, interests, channels, levels + level)
            state = float(self.schedule.to_original[level]) * original + float(self.schedule.to_noisy[level]) * state
            if seed is not None and level > 0:
                state = state + float(self.schedule.deviation[level]) * noise()
        return state

    def _sinusoids(self, levels: Any) -> Any:
        half = self.width // 2
        rates = np.exp(-np.log(10000.0) * np.arange(half) / max(half, 1)).astype(np.float32)
        angles = ops.expand_dims(ops.cast(levels, "float32"), -1) * rates
        found = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
        return found if self.width % 2 == 0 else ops.pad(found, ((0, 0), (0, 0), (0, 1)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "heads": self.heads, "blocks": self.block_count}
