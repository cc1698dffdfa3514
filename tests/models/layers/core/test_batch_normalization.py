"""Batch statistics: Keras's own on one replica, with and without a mask."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.layers.core.batch_normalization import BatchNormalization


@pytest.mark.parametrize("masked", [False, True])
def test_it_equals_that_of_keras_on_one_replica(masked: bool) -> None:
    random = np.random.default_rng(0)
    inputs = tf.constant(random.normal(3.0, 2.0, (8, 6, 5)).astype(np.float32))
    mask = random.integers(0, 2, (8, 6)).astype(bool) if masked else None
    ours, keras_own = BatchNormalization(momentum=0.7), keras.layers.BatchNormalization(momentum=0.7)
    results = []
    for layer in (ours, keras_own):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True, mask=mask)
            total = tf.reduce_sum(outputs**3)
        averages = [variable.numpy() for variable in layer.non_trainable_variables]
        results.append([outputs, tape.gradient(total, inputs), *averages, layer(inputs, training=False)])
    for left, right in zip(*results, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-4)


def test_statistics_under_a_mask() -> None:
    """Of 1, 3 and a masked infinity: mean 2, variance 1; momentum 0 keeps just them."""
    layer = BatchNormalization(momentum=0.0)
    layer(np.array([[[1.0], [3.0], [np.inf]]], np.float32), mask=np.array([[True, True, False]]), training=True)
    np.testing.assert_array_equal(layer.moving_mean, [2.0])
    np.testing.assert_array_equal(layer.moving_variance, [1.0])


def test_a_small_variance_with_a_large_mean() -> None:
    """10,000 and 10,000.5: as a difference of mean squares, 1e8 in float32, it would be 0 or 8."""
    layer = BatchNormalization(momentum=0.0)
    layer(np.array([[10_000.0], [10_000.5]], np.float32), training=True)
    np.testing.assert_allclose(layer.moving_variance, [0.0625])


def test_the_output_of_a_batch_of_padding_is_finite() -> None:
    layer = BatchNormalization()
    outputs = layer(np.ones((2, 3, 4), np.float32), mask=np.zeros((2, 3), bool), training=True)
    assert np.all(np.isfinite(outputs))
