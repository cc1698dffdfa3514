"""Dilated convolution and attention over the windows of a history."""

from __future__ import annotations

import keras
import numpy as np

from interestflow.models.layers.attention.dilated_attention import DilatedAttention


def build_layer(width: int = 4, window: int = 5, dilations: tuple[int, ...] = (1, 2)) -> DilatedAttention:
    keras.utils.set_random_seed(3)
    layer = DilatedAttention(width, window, dilations)
    layer.build()
    return layer


def test_a_convolution_equals_that_of_keras() -> None:
    """With one scale, uniform attention and the identity as last layer, the result is a mean over five steps.

    It is the mean of `x + relu(conv(x))`, whose two taps are at the step and `dilation` before it.
    """
    layer = build_layer(dilations=(2,))
    layer.scores[0].kernel.assign(np.zeros((4, 1)))
    layer.last.kernel.assign(np.eye(4))
    steps = np.random.default_rng(1).normal(size=(3, 5, 4)).astype(np.float32)
    convolution = keras.layers.Conv1D(4, 2, dilation_rate=2, padding="causal", activation="relu")
    convolution.build((None, 5, 4))
    kernel = layer.convolutions[0].kernel.numpy()
    convolution.kernel.assign(np.stack([kernel[4:], kernel[:4]]))  # Keras has the earlier tap first.
    expected = np.mean(steps + np.asarray(convolution(steps)), axis=1)
    np.testing.assert_allclose(layer(steps, np.ones((3, 5), bool))[:, 0], expected, rtol=1e-5, atol=1e-6)


def test_attention_is_over_the_steps_of_a_scale() -> None:
    """Without convolution (weights of 0), two steps of width 1, 0 and 1: tanh(x V) is 0 and tanh 2, times 3."""
    layer = build_layer(1, 2, (1,))
    layer.convolutions[0].kernel.assign([[0.0], [0.0]])
    layer.hidden[0].kernel.assign([[2.0]])
    layer.scores[0].kernel.assign([[3.0]])
    layer.last.kernel.assign([[1.0]])
    weight = np.exp(3 * np.tanh(2.0)) / (1 + np.exp(3 * np.tanh(2.0)))
    steps = np.array([[[0.0], [1.0]]], np.float32)
    np.testing.assert_allclose(layer(steps, np.ones((1, 2), bool)), [[[weight]]], rtol=1e-6)


def test_masked_steps_have_no_influence() -> None:
    """Masked steps may hold anything, and a window without valid steps returns the last layer's bias."""
    layer = build_layer(window=3)
    layer.last.bias.assign([1.0, 2.0, 3.0, 4.0])
    steps = np.random.default_rng(2).normal(size=(1, 3, 4)).astype(np.float32)
    alone = layer(steps, np.ones((1, 3), bool))
    padded = np.concatenate([np.full((1, 4, 4), np.nan, np.float32), steps], axis=1)
    mask = np.array([4 * [False] + 3 * [True]])
    result = layer(padded, mask)
    np.testing.assert_allclose(result[:, -1], alone[:, 0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(result[:, :2], [2 * [[1.0, 2.0, 3.0, 4.0]]])


def test_a_window_sees_as_far_back_as_the_convolutions_reach_and_nothing_later() -> None:
    """With dilations of 1 and 2, three steps before the window count; a fourth and later steps do not."""
    layer = build_layer(window=2)
    steps = np.random.default_rng(2).normal(size=(2, 9, 4)).astype(np.float32)
    result = np.asarray(layer(steps, np.ones((2, 9), bool)))
    assert result.shape == (2, 8, 4)
    window = 4  # The window consists of steps 4 and 5.
    for position, counts in ((0, False), (1, True), (5, True), (6, False)):
        changed = steps.copy()
        changed[:, position] += 1.0
        changed_result = np.asarray(layer(changed, np.ones((2, 9), bool)))
        assert (np.abs(changed_result[:, window] - result[:, window]).max() > 1e-4) == counts, position


def test_a_dilation_may_exceed_the_history() -> None:
    """The earlier tap then reads zeros."""
    layer, other = build_layer(dilations=(9,)), build_layer(dilations=(7,))
    steps = np.random.default_rng(2).normal(size=(2, 6, 4)).astype(np.float32)
    np.testing.assert_array_equal(layer(steps, np.ones((2, 6), bool)), other(steps, np.ones((2, 6), bool)))
