"""Histories to vectors of their windows."""

from __future__ import annotations

import keras
import numpy as np

from interestflow.models.layers.attention.dilated_attention import DilatedAttention


def made(width: int = 4, window: int = 5, dilations: tuple[int, ...] = (1, 2)) -> DilatedAttention:
    keras.utils.set_random_seed(3)
    layer = DilatedAttention(width, window, dilations)
    layer.build()
    return layer


def test_a_convolution_is_keras_own() -> None:
    """One scale, of which attention is made uniform and the last layer left out: the mean over five steps of
    `x + relu(conv(x))`, whose two taps are at the step and `dilation` before it."""
    layer = made(dilations=(2,))
    layer.scores[0].kernel.assign(np.zeros((4, 1)))
    layer.last.kernel.assign(np.eye(4))
    steps = np.random.default_rng(1).normal(size=(3, 5, 4)).astype(np.float32)
    convolution = keras.layers.Conv1D(4, 2, dilation_rate=2, padding="causal", activation="relu")
    convolution.build((None, 5, 4))
    kernel = layer.convolutions[0].kernel.numpy()
    convolution.kernel.assign(np.stack([kernel[4:], kernel[:4]]))  # Keras has the earlier tap first
    expected = np.mean(steps + np.asarray(convolution(steps)), axis=1)
    np.testing.assert_allclose(layer(steps, np.ones((3, 5), bool))[:, 0], expected, rtol=1e-5, atol=1e-6)


def test_attention_is_over_the_frames_of_a_scale() -> None:
    """Without convolution (weights of 0), two steps of width 1, 0 and 1: tanh(x V) is 0 and tanh 2, times 3."""
    layer = made(1, 2, (1,))
    layer.convolutions[0].kernel.assign([[0.0], [0.0]])
    layer.hidden[0].kernel.assign([[2.0]])
    layer.scores[0].kernel.assign([[3.0]])
    layer.last.kernel.assign([[1.0]])
    weight = np.exp(3 * np.tanh(2.0)) / (1 + np.exp(3 * np.tanh(2.0)))
    steps = np.array([[[0.0], [1.0]]], np.float32)
    np.testing.assert_allclose(layer(steps, np.ones((1, 2), bool)), [[[weight]]], rtol=1e-6)


def test_what_is_masked_is_as_if_it_were_not_there() -> None:
    """Steps before the first valid one may be anything; a window of nothing gives the last layer's bias."""
    layer = made(window=3)
    layer.last.bias.assign([1.0, 2.0, 3.0, 4.0])
    steps = np.random.default_rng(2).normal(size=(1, 3, 4)).astype(np.float32)
    alone = layer(steps, np.ones((1, 3), bool))
    padded = np.concatenate([np.full((1, 4, 4), np.nan, np.float32), steps], axis=1)
    mask = np.array([4 * [False] + 3 * [True]])
    found = layer(padded, mask)
    np.testing.assert_allclose(found[:, -1], alone[:, 0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[:, :2], [2 * [[1.0, 2.0, 3.0, 4.0]]])


def test_a_window_is_the_same_in_a_longer_history_but_for_what_convolutions_reach_before_it() -> None:
    """Dilations of 1 and 2: three steps before the window count, a fourth and what comes later do not."""
    layer = made(window=2)
    steps = np.random.default_rng(2).normal(size=(2, 9, 4)).astype(np.float32)
    found = np.asarray(layer(steps, np.ones((2, 9), bool)))
    assert found.shape == (2, 8, 4)
    window = 4  # of the steps 4 and 5
    for place, counts in ((0, False), (1, True), (5, True), (6, False)):
        changed = steps.copy()
        changed[:, place] += 1.0
        again = np.asarray(layer(changed, np.ones((2, 9), bool)))
        assert (np.abs(again[:, window] - found[:, window]).max() > 1e-4) == counts, place


def test_a_dilation_may_be_beyond_the_history() -> None:
    """Its other tap sees nothing."""
    layer, other = made(dilations=(9,)), made(dilations=(7,))
    steps = np.random.default_rng(2).normal(size=(2, 6, 4)).astype(np.float32)
    np.testing.assert_array_equal(layer(steps, np.ones((2, 6), bool)), other(steps, np.ones((2, 6), bool)))
