"""The noise schedule, and a denoiser that hears of the other channels."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from interestflow.models.layers.attention.transformer_block import TransformerBlock
from interestflow.models.layers.diffusion.interest_diffusion import InterestDenoiser, linear_schedule


def test_the_schedule() -> None:
    """At level 0 the posterior is the original itself."""
    signal, original_weight, noisy_weight, deviation = linear_schedule()
    assert (original_weight[0], noisy_weight[0], deviation[0]) == (1.0, 0.0, 0.0)
    assert signal[0] == pytest.approx(1 - 1e-4)
    for level in (9, 500):
        # The weights of a posterior's mean lead from sqrt(signal) of this level to that of the level before.
        mean = original_weight[level] + noisy_weight[level] * np.sqrt(signal[level])
        assert mean == pytest.approx(np.sqrt(signal[level - 1]), rel=1e-5)


def denoiser(shaken: bool = False) -> InterestDenoiser:
    """Fresh, or with weights as after some training."""
    keras.utils.set_random_seed(2)
    made = InterestDenoiser(4)
    made.build()
    random = np.random.default_rng(6)
    for weight in made.trainable_variables if shaken else []:
        weight.assign(weight.numpy() + random.normal(0.0, 0.2, weight.shape))
    return made


def vectors(seed: int, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(3, channels, 4)).astype(np.float32)


def original(made: InterestDenoiser, noisy: Any, interests: Any, directions: Any, levels: Any) -> Any:
    return made(noisy, made.context(interests, directions), levels)


def plain(made: InterestDenoiser, noisy: Any, interests: Any, directions: Any, levels: Any) -> Any:
    """The same with nothing left out: channel by channel, every token through both blocks, attention over all."""
    level = made.level_outer(made.level_inner(waves(levels, made.width)))
    found = []
    for channel in range(interests.shape[1]):
        own = ops.expand_dims((noisy + level)[:, channel], 1)
        tokens = ops.concatenate([interests[:, :channel], own, interests[:, channel + 1 :]], axis=1)
        for block, direction in ((made.first, made.first_direction), (made.second, made.second_direction)):
            tokens = normalized(block.first_norm, tokens + attention(block, tokens))
            # Attention to one token: its softmax is 1, what is left is a projection.
            tokens = normalized(block.middle_norm, tokens + direction(directions[:, channel])[:, None])
            tokens = normalized(block.last_norm, tokens + block.outer(block.inner(tokens)))
        found.append(made.result(tokens[:, channel]))
    return ops.stack(found, axis=1)


def waves(levels: np.ndarray, width: int) -> np.ndarray:
    angles = levels[..., None] * 10000.0 ** (-np.arange(width // 2) / (width // 2))
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1).astype(np.float32)


def attention(block: TransformerBlock, tokens: Any) -> Any:
    split = (*tokens.shape[:2], block.heads, block.width // block.heads)
    queries, keys, values = (ops.reshape(dense(tokens), split) for dense in (block.query, block.key, block.value))
    scores = ops.einsum("bqhw,bkhw->bhqk", queries, keys) / np.sqrt(split[-1])
    seen = ops.einsum("bhqk,bkhw->bqhw", ops.softmax(scores), values)
    return block.joined_heads(ops.reshape(seen, tokens.shape))


def normalized(norm: Any, tokens: Any) -> Any:
    return ops.layer_normalization(tokens, norm.gamma, norm.beta, axis=-1, epsilon=1e-3)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_what_is_computed_once_or_not_at_all_changes_nothing(channels: int) -> None:
    made, levels = denoiser(shaken=True), np.arange(3 * channels).reshape(3, channels)
    noisy, interests, directions = (vectors(seed, channels) for seed in (1, 2, 3))
    expected = plain(made, noisy, interests, directions, levels)
    np.testing.assert_allclose(original(made, noisy, interests, directions, levels), expected, atol=1e-5)


@pytest.mark.parametrize("seed", [None, 5])
def test_the_chain_is_the_plain_one(seed: int | None) -> None:
    """With the same noise drawn in the same order, the blur's first; row by row of one channel, then of the next."""
    made, interests, directions = denoiser(shaken=True), vectors(1), vectors(2)
    signal, original_weight, noisy_weight, deviation = linear_schedule()
    draws, drawn_again = (None if seed is None else keras.random.SeedGenerator(seed) for _ in range(2))

    def noise() -> Any:
        if draws is None:
            return np.zeros_like(interests)
        return np.asarray(keras.random.normal((2 * 3, 4), seed=draws)).reshape(2, 3, 4).transpose(1, 0, 2)

    state = np.sqrt(signal[3]) * interests + np.sqrt(1 - signal[3]) * noise()
    for level in (3, 2, 1, 0):
        found = np.asarray(plain(made, state, interests, directions, np.full((3, 2), level)))
        state = original_weight[level] * found + noisy_weight[level] * state
        if level:
            state = state + deviation[level] * noise()
    denoised = made.denoise(interests, made.context(interests, directions), 4, drawn_again)
    np.testing.assert_allclose(denoised, state, atol=1e-5)


def test_the_chain_learns_as_the_plain_one_does() -> None:
    """Gradients of all weights, of interests and of directions, through two levels without noise."""
    made = denoiser(shaken=True)
    interests, directions = tf.constant(vectors(1)), tf.constant(vectors(2))
    learned = [*(weight.value for weight in made.trainable_variables), interests, directions]
    with tf.GradientTape() as tape:
        tape.watch([interests, directions])
        size = tf.reduce_sum(made.denoise(interests, made.context(interests, directions), 2, None) ** 3)
    found = tape.gradient(size, learned)
    signal, original_weight, noisy_weight, _ = linear_schedule()
    with tf.GradientTape() as tape:
        tape.watch([interests, directions])
        state = np.sqrt(signal[1]) * interests
        state = (
            original_weight[1] * plain(made, state, interests, directions, np.ones((3, 2))) + noisy_weight[1] * state
        )
        size = tf.reduce_sum(plain(made, state, interests, directions, np.zeros((3, 2))) ** 3)
    for one, other in zip(found, tape.gradient(size, learned), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())


def test_blurring_keeps_what_the_schedule_says() -> None:
    levels = np.full((3, 2), 500)
    signal = linear_schedule().signal[500]
    expected = np.sqrt(signal) * vectors(1) + np.sqrt(1 - signal) * vectors(2)
    np.testing.assert_allclose(denoiser().add_noise(vectors(1), vectors(2), levels), expected, rtol=1e-5, atol=1e-6)


def test_a_channel_hears_of_the_others_and_of_its_own_noisy_version_alone() -> None:
    made, levels = denoiser(), np.full((3, 2), 5)
    before = np.asarray(original(made, vectors(1), vectors(2), vectors(3), levels))
    own = vectors(2)
    own[:, 0] += 1.0  # channel 0's own interest is what it is to find out; channel 1 is told of it
    after = np.asarray(original(made, vectors(1), own, vectors(3), levels))
    np.testing.assert_allclose(after[:, 0], before[:, 0], rtol=1e-5, atol=1e-6)
    assert np.abs(after[:, 1] - before[:, 1]).max() > 1e-3


def test_level_and_direction_matter() -> None:
    made, levels = denoiser(), np.full((3, 2), 5)
    before = np.asarray(original(made, vectors(1), vectors(2), vectors(3), levels))
    for direction, level in ((3, levels + 300), (4, levels)):
        after = np.asarray(original(made, vectors(1), vectors(2), vectors(direction), level))
        assert np.abs(after - before).max() > 1e-3


def test_without_a_seed_the_same_comes_out_and_with_one_something_else() -> None:
    made, seed = denoiser(), keras.random.SeedGenerator(5)
    around = made.context(vectors(1), vectors(2))
    first, second = (np.asarray(made.denoise(vectors(1), around, 4, None)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(np.asarray(made.denoise(vectors(1), around, 4, seed)) - first).max() > 1e-3


def test_a_trained_denoiser_needs_its_own_direction() -> None:
    """Interests that are near their directions: with another row's direction the error is far larger than with one's
    own, from which alone much can be told at level 500, where noise is 6.9
    times the signal (3.4 in each of four dimensions)."""
    made = denoiser()
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(made.trainable_variables)
    random = np.random.default_rng(4)
    levels = tf.constant(np.full((64, 2), 500))

    def batch() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        directions = random.normal(size=(64, 2, 4))
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        interests = directions + random.normal(0.0, 0.1, directions.shape)
        noise = random.normal(size=directions.shape)
        return tuple(tf.constant(each, tf.float32) for each in (interests, directions, noise))

    def error(interests: tf.Tensor, directions: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        found = original(made, made.add_noise(interests, noise, levels), interests, directions, levels)
        return tf.reduce_mean((found - interests) ** 2)

    @tf.function
    def step(interests: tf.Tensor, directions: tf.Tensor, noise: tf.Tensor) -> None:
        weights = made.trainable_variables
        with tf.GradientTape() as tape:
            loss = error(interests, directions, noise)
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)

    for _ in range(300):
        step(*batch())
    interests, directions, noise = batch()
    own, others = float(error(interests, directions, noise)), float(error(interests, directions[::-1], noise))
    assert own < 0.1  # the mean of nothing would cost 0.26
    assert others > 2 * own
