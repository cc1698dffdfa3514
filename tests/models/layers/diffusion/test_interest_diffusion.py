"""The noise schedule, and a denoiser that is conditioned on the other channels."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from interestflow.models.layers.attention.transformer_block import TransformerBlock
from interestflow.models.layers.diffusion.interest_diffusion import InterestDenoiser, linear_schedule
from tests.models.support.random_features import move_weights


def test_the_schedule() -> None:
    """At level 0 the posterior is the original itself."""
    signal, original_weight, noisy_weight, deviation = linear_schedule()
    assert (original_weight[0], noisy_weight[0], deviation[0]) == (1.0, 0.0, 0.0)
    assert signal[0] == pytest.approx(1 - 1e-4)
    for level in (9, 500):
        # The weights of a posterior's mean lead from sqrt(signal) of this level to that of the level before.
        mean = original_weight[level] + noisy_weight[level] * np.sqrt(signal[level])
        assert mean == pytest.approx(np.sqrt(signal[level - 1]), rel=1e-5)


def build_denoiser(randomized: bool = False) -> InterestDenoiser:
    """Build a denoiser with initial weights, or with random ones as after some training."""
    keras.utils.set_random_seed(2)
    denoiser = InterestDenoiser(4)
    denoiser.build()
    if randomized:
        move_weights(denoiser, scale=0.2, seed=6)
    return denoiser


def vectors(seed: int, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(3, channels, 4)).astype(np.float32)


def predict(denoiser: InterestDenoiser, noisy: Any, interests: Any, directions: Any, levels: Any) -> Any:
    return denoiser(noisy, denoiser.context(interests, directions), levels)


def predict_plainly(denoiser: InterestDenoiser, noisy: Any, interests: Any, directions: Any, levels: Any) -> Any:
    """Predict channel by channel, with every token through both blocks and attention to all: nothing is reused."""
    level = denoiser.level_outer(denoiser.level_inner(waves(levels, denoiser.width)))
    predictions = []
    for channel in range(interests.shape[1]):
        query = ops.expand_dims((noisy + level)[:, channel], 1)
        tokens = ops.concatenate([interests[:, :channel], query, interests[:, channel + 1 :]], axis=1)
        for block, direction in (
            (denoiser.first, denoiser.first_direction),
            (denoiser.second, denoiser.second_direction),
        ):
            tokens = normalized(block.first_norm, tokens + attention(block, tokens))
            # The softmax of attention to one token is 1, which leaves the projection.
            tokens = normalized(block.middle_norm, tokens + direction(directions[:, channel])[:, None])
            tokens = normalized(block.last_norm, tokens + block.outer(block.inner(tokens)))
        predictions.append(denoiser.result(tokens[:, channel]))
    return ops.stack(predictions, axis=1)


def waves(levels: np.ndarray, width: int) -> np.ndarray:
    angles = levels[..., None] * 10000.0 ** (-np.arange(width // 2) / (width // 2))
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1).astype(np.float32)


def attention(block: TransformerBlock, tokens: Any) -> Any:
    split = (*tokens.shape[:2], block.heads, block.width // block.heads)
    queries, keys, values = (ops.reshape(dense(tokens), split) for dense in (block.query, block.key, block.value))
    scores = ops.einsum("bqhw,bkhw->bhqk", queries, keys) / np.sqrt(split[-1])
    attended = ops.einsum("bhqk,bkhw->bqhw", ops.softmax(scores), values)
    return block.joined_heads(ops.reshape(attended, tokens.shape))


def normalized(norm: Any, tokens: Any) -> Any:
    return ops.layer_normalization(tokens, norm.gamma, norm.beta, axis=-1, epsilon=1e-3)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_reusing_the_context_changes_nothing(channels: int) -> None:
    denoiser, levels = build_denoiser(randomized=True), np.arange(3 * channels).reshape(3, channels)
    noisy, interests, directions = (vectors(seed, channels) for seed in (1, 2, 3))
    expected = predict_plainly(denoiser, noisy, interests, directions, levels)
    np.testing.assert_allclose(predict(denoiser, noisy, interests, directions, levels), expected, atol=1e-5)


@pytest.mark.parametrize("seed", [None, 5])
def test_the_denoising_chain_equals_the_plain_one(seed: int | None) -> None:
    """The same noise is drawn in the same order: first that of the start; rows of one channel, then of the next."""
    denoiser, interests, directions = build_denoiser(randomized=True), vectors(1), vectors(2)
    signal, original_weight, noisy_weight, deviation = linear_schedule()
    draws, same_draws = (None if seed is None else keras.random.SeedGenerator(seed) for _ in range(2))

    def noise() -> Any:
        if draws is None:
            return np.zeros_like(interests)
        return np.asarray(keras.random.normal((2 * 3, 4), seed=draws)).reshape(2, 3, 4).transpose(1, 0, 2)

    state = np.sqrt(signal[3]) * interests + np.sqrt(1 - signal[3]) * noise()
    for level in (3, 2, 1, 0):
        result = np.asarray(predict_plainly(denoiser, state, interests, directions, np.full((3, 2), level)))
        state = original_weight[level] * result + noisy_weight[level] * state
        if level:
            state = state + deviation[level] * noise()
    denoised = denoiser.denoise(interests, denoiser.context(interests, directions), 4, same_draws)
    np.testing.assert_allclose(denoised, state, atol=1e-5)


def test_the_gradients_of_the_chain_equal_those_of_the_plain_one() -> None:
    """Gradients by all weights, interests and directions, through two levels without noise."""
    denoiser = build_denoiser(randomized=True)
    interests, directions = tf.constant(vectors(1)), tf.constant(vectors(2))
    learned = [*(weight.value for weight in denoiser.trainable_variables), interests, directions]
    with tf.GradientTape() as tape:
        tape.watch([interests, directions])
        size = tf.reduce_sum(denoiser.denoise(interests, denoiser.context(interests, directions), 2, None) ** 3)
    result = tape.gradient(size, learned)
    signal, original_weight, noisy_weight, _ = linear_schedule()
    with tf.GradientTape() as tape:
        tape.watch([interests, directions])
        state = np.sqrt(signal[1]) * interests
        state = (
            original_weight[1] * predict_plainly(denoiser, state, interests, directions, np.ones((3, 2)))
            + noisy_weight[1] * state
        )
        size = tf.reduce_sum(predict_plainly(denoiser, state, interests, directions, np.zeros((3, 2))) ** 3)
    for one, other in zip(result, tape.gradient(size, learned), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())


def test_noised_interests_keep_the_signal_of_the_schedule() -> None:
    levels = np.full((3, 2), 500)
    signal = linear_schedule().signal[500]
    expected = np.sqrt(signal) * vectors(1) + np.sqrt(1 - signal) * vectors(2)
    np.testing.assert_allclose(
        build_denoiser().add_noise(vectors(1), vectors(2), levels), expected, rtol=1e-5, atol=1e-6
    )


def test_a_channel_depends_on_the_others_and_on_its_own_noisy_version_only() -> None:
    denoiser, levels = build_denoiser(), np.full((3, 2), 5)
    before = np.asarray(predict(denoiser, vectors(1), vectors(2), vectors(3), levels))
    channel_vectors = vectors(2)
    channel_vectors[:, 0] += 1.0  # Channel 0's own interest is what it should predict; channel 1 is conditioned on it.
    after = np.asarray(predict(denoiser, vectors(1), channel_vectors, vectors(3), levels))
    np.testing.assert_allclose(after[:, 0], before[:, 0], rtol=1e-5, atol=1e-6)
    assert np.abs(after[:, 1] - before[:, 1]).max() > 1e-3


def test_level_and_direction_matter() -> None:
    denoiser, levels = build_denoiser(), np.full((3, 2), 5)
    before = np.asarray(predict(denoiser, vectors(1), vectors(2), vectors(3), levels))
    for direction, level in ((3, levels + 300), (4, levels)):
        after = np.asarray(predict(denoiser, vectors(1), vectors(2), vectors(direction), level))
        assert np.abs(after - before).max() > 1e-3


def test_the_chain_is_deterministic_without_a_seed_and_random_with_one() -> None:
    denoiser, seed = build_denoiser(), keras.random.SeedGenerator(5)
    context = denoiser.context(vectors(1), vectors(2))
    first, second = (np.asarray(denoiser.denoise(vectors(1), context, 4, None)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(np.asarray(denoiser.denoise(vectors(1), context, 4, seed)) - first).max() > 1e-3


def test_a_trained_denoiser_needs_its_own_direction() -> None:
    """Interests are near their directions, so that another row's direction makes the error far larger.

    At level 500 noise is 6.9 times the signal (3.4 in each of four dimensions), and the direction tells most.
    """
    denoiser = build_denoiser()
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(denoiser.trainable_variables)
    random = np.random.default_rng(4)
    levels = tf.constant(np.full((64, 2), 500))

    def batch() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        directions = random.normal(size=(64, 2, 4))
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        interests = directions + random.normal(0.0, 0.1, directions.shape)
        noise = random.normal(size=directions.shape)
        return tuple(tf.constant(array, tf.float32) for array in (interests, directions, noise))

    def error(interests: tf.Tensor, directions: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        result = predict(denoiser, denoiser.add_noise(interests, noise, levels), interests, directions, levels)
        return tf.reduce_mean((result - interests) ** 2)

    @tf.function
    def step(interests: tf.Tensor, directions: tf.Tensor, noise: tf.Tensor) -> None:
        weights = denoiser.trainable_variables
        with tf.GradientTape() as tape:
            loss = error(interests, directions, noise)
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)

    for _ in range(300):
        step(*batch())
    interests, directions, noise = batch()
    aligned_error, reversed_error = (
        float(error(interests, directions, noise)),
        float(error(interests, directions[::-1], noise)),
    )
    assert aligned_error < 0.1  # The best constant prediction has an error of 0.26.
    assert reversed_error > 2 * aligned_error
