"""The noise schedule, and a denoiser that hears of the other channels."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.layers.interest_diffusion import InterestDenoiser, schedule


def test_the_schedule() -> None:
    """At level 0 the posterior is the original itself."""
    kept, to_original, to_noisy, deviation = schedule()
    assert (to_original[0], to_noisy[0], deviation[0]) == (1.0, 0.0, 0.0)
    assert kept[0] == pytest.approx(1 - 1e-4)
    for level in (9, 500):
        # Of a posterior's mean, weights and level agree: sqrt(kept) of the level before, from sqrt(kept) of this one.
        mean = to_original[level] + to_noisy[level] * np.sqrt(kept[level])
        assert mean == pytest.approx(np.sqrt(kept[level - 1]), rel=1e-5)


def denoiser() -> InterestDenoiser:
    keras.utils.set_random_seed(2)
    made = InterestDenoiser(4)
    made.build()
    return made


def vectors(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(3, 2, 4)).astype(np.float32)


def test_blurring_keeps_what_the_schedule_says() -> None:
    levels = np.full((3, 2), 500)
    kept = schedule().kept[500]
    expected = np.sqrt(kept) * vectors(1) + np.sqrt(1 - kept) * vectors(2)
    np.testing.assert_allclose(denoiser().blurred(vectors(1), vectors(2), levels), expected, rtol=1e-5, atol=1e-6)


def test_a_channel_hears_of_the_others_and_of_its_own_noisy_version_alone() -> None:
    made, levels = denoiser(), np.full((3, 2), 5)
    before = np.asarray(made(vectors(1), vectors(2), vectors(3), levels))
    own = vectors(2)
    own[:, 0] += 1.0  # channel 0's own interest is what it is to find out; channel 1 is told of it
    after = np.asarray(made(vectors(1), own, vectors(3), levels))
    np.testing.assert_allclose(after[:, 0], before[:, 0], rtol=1e-5, atol=1e-6)
    assert np.abs(after[:, 1] - before[:, 1]).max() > 1e-3


def test_level_and_direction_matter() -> None:
    made, levels = denoiser(), np.full((3, 2), 5)
    before = np.asarray(made(vectors(1), vectors(2), vectors(3), levels))
    assert np.abs(np.asarray(made(vectors(1), vectors(2), vectors(3), levels + 300)) - before).max() > 1e-3
    assert np.abs(np.asarray(made(vectors(1), vectors(2), vectors(4), levels)) - before).max() > 1e-3


def test_without_a_seed_the_same_comes_out_and_with_one_something_else() -> None:
    made, seed = denoiser(), keras.random.SeedGenerator(5)
    first, second = (np.asarray(made.restored(vectors(1), vectors(2), 4, None)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(np.asarray(made.restored(vectors(1), vectors(2), 4, seed)) - first).max() > 1e-3


def test_the_last_step_gives_the_prediction_itself() -> None:
    made, levels = denoiser(), np.zeros((3, 2), np.int32)
    noisy = made.blurred(vectors(1), np.zeros((3, 2, 4), np.float32), levels)
    expected = made(noisy, vectors(1), vectors(2), levels)
    np.testing.assert_allclose(made.restored(vectors(1), vectors(2), 1, None), expected, rtol=1e-5, atol=1e-6)


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
        found = made(made.blurred(interests, noise, levels), interests, directions, levels)
        return tf.reduce_mean((found - interests) ** 2)

    @tf.function
    def step(interests: tf.Tensor, directions: tf.Tensor, noise: tf.Tensor) -> None:
        weights = made.trainable_variables
        with tf.GradientTape() as tape:
            loss = error(interests, directions, noise)
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)

    for _ in range(200):
        step(*batch())
    interests, directions, noise = batch()
    own, others = float(error(interests, directions, noise)), float(error(interests, directions[::-1], noise))
    assert own < 0.1  # the mean of nothing would cost 0.26
    assert others > 2 * own
