"""Activations by name."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.layers.core.activation import ACTIVATIONS, build_activation, sigmoid


def test_values_by_name() -> None:
    """At -2 and 2: Dice with initial moving averages is s * sigmoid(s), and PReLU starts with a slope of 0."""
    values = np.array([[-2.0, 2.0]], np.float32)
    high = 1.0 / (1.0 + np.exp(-2.0))
    expected = {
        "relu": [0.0, 2.0],
        "prelu": [0.0, 2.0],
        "dice": [-2.0 * (1.0 - high), 2.0 * high],
        "sigmoid": [1.0 - high, high],
    }
    assert set(expected) == set(ACTIVATIONS)
    for kind in ACTIVATIONS:
        np.testing.assert_allclose(build_activation(kind, 2)(values)[0], expected[kind], rtol=1e-5, err_msg=kind)


@pytest.mark.parametrize("kind", ["prelu", "dice"])
def test_what_is_learned_is_per_channel_so_that_length_does_not_matter(kind: str) -> None:
    layer = build_activation(kind, 3)
    layer(np.ones((2, 5, 4), np.float32))
    assert layer(np.ones((2, 9, 4), np.float32)).shape == (2, 9, 4)
    assert [np.prod(weight.shape) for weight in layer.trainable_variables] == [4]


def test_an_unknown_name_is_rejected() -> None:
    with pytest.raises(ValueError, match="`activation` should be one of relu, prelu, dice, sigmoid, received 'gelu'"):
        build_activation("gelu", 2)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_sigmoid_of_half_precision_is_rounded_once_and_keeps_its_gradient(dtype: str) -> None:
    """At 1.5: 0.8176 and 0.8176 * (1 - 0.8176) = 0.1491, within the precision of the type."""
    inputs = tf.constant([1.5], dtype)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = sigmoid(inputs)
    gradient = tape.gradient(outputs, inputs, output_gradients=tf.constant([2.0], dtype))
    assert outputs.dtype == gradient.dtype == dtype
    assert float(outputs[0]) == float(tf.cast(tf.sigmoid(1.5), dtype))
    np.testing.assert_allclose(float(gradient[0]), 2.0 * 0.14915, rtol=0.02)
