"""Values by hand, and values and gradients compared with those of Keras's layer."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from interestflow.models.layers.core.layer_normalization import LayerNormalization


def layers() -> tuple[LayerNormalization, keras.layers.LayerNormalization]:
    pair = LayerNormalization(), keras.layers.LayerNormalization()
    random = np.random.default_rng(1)
    values = random.normal(size=(2, 6))
    for layer in pair:
        layer.build((None, 6))
        layer.set_weights(list(values))
    return pair


def test_by_hand() -> None:
    """Mean 2 and variance 1, compared with which epsilon, 0.001, is small."""
    layer = LayerNormalization()
    layer.build((None, 2))
    layer.set_weights([np.array([1.0, 2.0]), np.array([0.0, 5.0])])
    np.testing.assert_allclose(layer(np.array([[1.0, 3.0]], np.float32)), [[-1.0, 7.0]], atol=2e-3)


def test_values_and_gradients_are_those_of_keras() -> None:
    x = tf.constant(np.random.default_rng(2).normal(3.0, 2.0, size=(4, 5, 6)), tf.float32)
    results = []
    for layer in layers():
        with tf.GradientTape() as tape:
            tape.watch(x)
            result = layer(x)
            total = tf.reduce_sum(result**3)
        results.append([result, *tape.gradient(total, [x, layer.gamma.value, layer.beta.value])])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


def test_in_half_precision_large_values_do_not_overflow() -> None:
    """The squares of 3,000 would overflow: the largest float16 is 65,504."""
    layer = LayerNormalization(dtype="mixed_float16")
    layer.build((None, 2))
    np.testing.assert_allclose(layer(np.array([[-3000.0, 3000.0]], np.float16)), [[-1.0, 1.0]], atol=1e-3)
