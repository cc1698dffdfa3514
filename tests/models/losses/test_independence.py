"""The dependence measure computed by hand, and sample weights that lower it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.losses.independence import (
    dependence,
    dependence_and_gradient,
    fourier_features,
    independence_weights,
)

ROWS, INTERESTS, WIDTH = 512, 4, 8


def interests(shared: float, seed: int = 0) -> np.ndarray:
    """Draw [ROWS, INTERESTS, WIDTH] of variance 1; two interests of a row have correlation `shared` squared."""
    random = np.random.default_rng(seed)
    common, individual = random.normal(size=(ROWS, 1, WIDTH)), random.normal(size=(ROWS, INTERESTS, WIDTH))
    return (shared * common + np.sqrt(1.0 - shared**2) * individual).astype(np.float32)


def compute_weights(
    vectors: np.ndarray, steps: int = 50, penalty: float = 0.3, seed: int = 0
) -> tuple[np.ndarray, float, float]:
    """Return weights, the share of dependence left, and the share left under features that they were not fitted to."""
    seeds = keras.random.SeedGenerator(seed)
    weights, share = independence_weights(fourier_features(vectors, 16, seeds), steps, 0.1, penalty)
    equal = np.full(ROWS, 1.0 / ROWS, np.float32)
    fresh = [fourier_features(vectors, 16, seeds) for _ in range(5)]
    fresh_share = [float(dependence(features, weights) / dependence(features, equal)) for features in fresh]
    return np.asarray(weights), float(share), float(np.mean(fresh_share))


def effective_rows(weights: np.ndarray) -> float:
    """Return the effective number of rows as a share of all: 1 if all weights are equal."""
    return float(1.0 / np.sum(weights**2) / len(weights))


def test_dependence_by_hand() -> None:
    """Two numbers that are 0 or 1 together have covariance 1/4; weights on the zeros alone make it 0.

    With a third that is constant the sum of squares is the same, and with D = 2 equal features it is four times that.
    """
    first = np.array([0.0, 0.0, 1.0, 1.0], np.float32)
    together = np.stack([first, first], axis=1)[:, :, None]
    equal = np.full(4, 0.25, np.float32)
    np.testing.assert_allclose(dependence(together, equal), 1 / 16)
    third = np.concatenate([together, np.ones((4, 1, 1), np.float32)], axis=1)
    np.testing.assert_allclose(dependence(third, equal), 1 / 16)
    np.testing.assert_allclose(dependence(np.repeat(together, 2, axis=2), equal), 4 / 16)
    np.testing.assert_allclose(dependence(together, np.array([0.5, 0.5, 0.0, 0.0], np.float32)), 0.0, atol=1e-9)


def test_the_gradient_is_that_of_the_dependence() -> None:
    """It is compared with automatic differentiation, less the mean: a constant does not move a softmax."""
    vectors = interests(0.7)[:40]
    features = tf.constant(fourier_features(vectors, 3, keras.random.SeedGenerator(1)))
    weights = tf.constant(np.random.default_rng(2).dirichlet(np.ones(40)).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(weights)
        flat = tf.reshape(features, (40, -1))
        means = tf.reduce_sum(weights[:, None] * flat, axis=0)
        covariances = tf.transpose(flat * weights[:, None]) @ flat - means[:, None] * means[None, :]
        blocks = tf.reshape(tf.square(covariances), (INTERESTS, 3, INTERESTS, 3))
        norms = tf.reduce_sum(blocks, axis=(1, 3))
        value = (tf.reduce_sum(norms) - tf.linalg.trace(norms)) / 2.0
    expected = tape.gradient(value, weights)
    result, gradient = dependence_and_gradient(features, weights)
    np.testing.assert_allclose(result, value, rtol=1e-4)
    np.testing.assert_allclose(gradient - tf.reduce_mean(gradient), expected - tf.reduce_mean(expected), atol=1e-5)
    assert np.std(expected) > 1e-3


@pytest.mark.parametrize("shared", [0.6, 0.9])
def test_weights_lower_the_dependence(shared: float) -> None:
    """It falls to 0.3 or less, and to about 0.7 under features not fitted to; six in ten rows stay effective."""
    weights, share, fresh_share = compute_weights(interests(shared))
    assert weights.sum() == pytest.approx(1.0, rel=1e-5)
    assert share < 0.45
    assert fresh_share < 0.85
    assert effective_rows(weights) > 0.5


def test_weights_of_independent_interests_stay_equal() -> None:
    """Chance dependence moves no weight; without a floor of the criterion a quarter of the rows would be lost."""
    weights, _, fresh_share = compute_weights(interests(0.0))
    assert effective_rows(weights) > 0.95
    assert fresh_share > 0.9


def test_a_strong_penalty_keeps_weights_equal() -> None:
    weights, _, _ = compute_weights(interests(0.9), penalty=1e4)
    np.testing.assert_allclose(ROWS * weights, 1.0, atol=0.02)


def test_without_steps_weights_are_exactly_equal() -> None:
    weights, share, _ = compute_weights(interests(0.9), steps=0)
    np.testing.assert_array_equal(weights, np.full(ROWS, 1.0 / ROWS, np.float32))
    assert share == 1.0


def test_features_are_those_of_a_gaussian_kernel() -> None:
    """Their inner product is about exp(-|u - v|^2 / 2 s^2), s the median distance of neighbours, which here is 1."""
    vectors = np.zeros((3, 1, 1), np.float32)
    vectors[:, 0, 0] = 0.0, 1.0, 0.0  # distances of neighbours: 1, 1, 0
    features = np.asarray(fourier_features(vectors, 20_000, keras.random.SeedGenerator(1)))[:, 0]
    kernel: Any = features @ features.T
    np.testing.assert_allclose(kernel[0, [0, 1, 2]], [1.0, np.exp(-0.5), 1.0], atol=0.03)
