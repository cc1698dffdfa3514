"""Dice: the gate is computed from the batch in training, and from moving averages at inference."""

from __future__ import annotations

import keras
import numpy as np

from interestflow.models.layers.core.dice import Dice


def sigmoid(value: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-value))


def test_the_papers_formula_in_training() -> None:
    """Channel 0 has mean 3 and variance 8 / 3, and is standardized by hand; alpha is 0.5."""
    inputs = np.array([[1.0, -2.0], [3.0, 0.0], [5.0, 2.0]], np.float32)
    layer = Dice()
    layer(inputs)
    layer.alpha.assign([0.5, -1.0])
    # Means 3 and 0; variances (4 + 0 + 4) / 3 both.
    gate = sigmoid(np.array([[-2.0, -2.0], [0.0, 0.0], [2.0, 2.0]]) / np.sqrt(8.0 / 3.0))
    expected = gate * inputs + (1.0 - gate) * np.array([0.5, -1.0]) * inputs
    np.testing.assert_allclose(layer(inputs, training=True), expected, rtol=1e-5)
    # Moving averages moved by a tenth: 0.9 * 0 + 0.1 * 3, 0.9 * 1 + 0.1 * 8 / 3.
    np.testing.assert_allclose(layer.normalization.moving_mean, [0.3, 0.0], atol=1e-6)
    np.testing.assert_allclose(layer.normalization.moving_variance, [0.9 + 0.8 / 3] * 2, rtol=1e-6)


def test_moving_averages_at_inference() -> None:
    """With mean 1 and variance 4, an input of 3 is one deviation above the mean."""
    layer = Dice()
    layer(np.zeros((1, 1), np.float32))
    layer.normalization.moving_mean.assign([1.0])
    layer.normalization.moving_variance.assign([4.0])
    np.testing.assert_allclose(layer(np.array([[3.0]], np.float32), training=False), [[3.0 * sigmoid(1.0)]], rtol=1e-6)


def test_padding_is_not_in_the_statistics() -> None:
    """Masked positions change neither outputs nor moving averages."""
    random = np.random.default_rng(0)
    inputs = random.normal(2.0, 3.0, (4, 3, 5)).astype(np.float32)
    padded = np.concatenate([inputs, np.full((4, 2, 5), 1000.0, np.float32)], axis=1)
    mask = np.broadcast_to(np.arange(5) < 3, (4, 5))
    plain, masked = Dice(), Dice()
    expected = plain(inputs, training=True)
    result = masked(padded, mask=mask, training=True)
    np.testing.assert_allclose(result[:, :3], expected, rtol=1e-5, atol=1e-6)
    for left, right in zip(plain.variables, masked.variables, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5)


def test_in_half_precision_the_statistics_keep_their_digits() -> None:
    """The variance of 1000 and 1001, 0.25, would be lost in float16."""
    inputs = np.array([[1000.0], [1001.0]], np.float16)
    layer = Dice(dtype="mixed_float16")
    result = layer(inputs, training=True)
    assert result.dtype == "float16"
    np.testing.assert_allclose(result, inputs * sigmoid(np.array([[-1.0], [1.0]])), rtol=2e-3)


def test_it_is_rebuilt_from_its_configuration() -> None:
    layer = Dice.from_config(Dice(epsilon=1e-3, momentum=0.9).get_config())
    assert (layer.epsilon, layer.momentum) == (1e-3, 0.9)
    assert (layer.normalization.epsilon, layer.normalization.momentum) == (1e-3, 0.9)
    assert keras.saving.get_registered_name(Dice) == "interestflow>Dice"
