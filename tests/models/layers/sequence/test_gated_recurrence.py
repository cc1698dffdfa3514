"""The recurrence with a backward pass of its own, beside Keras's cells differentiated by TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.layers.sequence.gated_recurrence import gated_recurrence
from interestflow.models.layers.sequence.interest_evolution import CELLS, InterestEvolution
from interestflow.models.layers.sequence.interest_extractor import InterestExtractor

T, D, N = 6, 3, 4


def random_weights(layer: keras.layers.Layer) -> None:
    random = np.random.default_rng(1)
    for weight in layer.trainable_variables:
        weight.assign(random.normal(0.0, 0.7, weight.shape))


def inputs(rows: int, steps: int = T, width: int = D) -> tf.Tensor:
    return tf.constant(np.random.default_rng(2).normal(size=(rows, steps, width)), tf.float32)


def differentiated(compute: Callable[..., Any], layer: keras.layers.Layer, *given: tf.Tensor) -> list[Any]:
    """What `compute` makes of `given`, and the gradients of a sum over it by them and by the layer's weights."""
    weights = [weight.value for weight in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(given)
        result = compute(*given)
        places = tf.cast(tf.range(tf.size(result)), result.dtype)
        total = tf.reduce_sum(tf.sin(tf.reshape(result, (-1,)) + places))
    return [result, *tape.gradient(total, [*given, *weights])]


def assert_alike(found: list[Any], expected: list[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)


def evolution(cell: str) -> tuple[InterestEvolution, tf.Tensor]:
    layer = InterestEvolution(N, cell)
    layer.build((None, None, D))
    random_weights(layer)
    return layer, tf.constant([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]]) == 1


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_and_its_gradients_are_those_of_the_cell_step_by_step(cell: str, rows: int) -> None:
    layer, mask = evolution(cell)
    mask = mask[:rows]
    attention = tf.constant(np.random.default_rng(3).uniform(0.1, 0.9, (rows, T)), tf.float32)

    def run_cell(x: tf.Tensor, attention: tf.Tensor) -> tf.Tensor:
        there = tf.cast(mask, tf.float32)[:, :, None]
        attention = there * attention[:, :, None]
        return layer.run_cell(attention * x if cell == "aigru" else x, attention, there)

    expected = differentiated(run_cell, layer, inputs(rows), attention)
    found = differentiated(lambda x, a: layer(x, a, mask, training=True), layer, inputs(rows), attention)
    assert_alike(found, expected)
    assert np.abs(expected[1]).max() > 0.01, "there is something to compare"


def extractor() -> tuple[InterestExtractor, keras.layers.GRU]:
    """With the same weights."""
    own, keras_own = InterestExtractor(N), keras.layers.GRU(N, return_sequences=True)
    own.build((None, None, D))
    keras_own.build((None, None, D))
    random_weights(own)
    keras_own.set_weights(own.get_weights())
    return own, keras_own


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_the_extractor_and_its_gradients_are_those_of_keras_own_gated_unit(rows: int) -> None:
    own, keras_own = extractor()
    expected = differentiated(keras_own, keras_own, inputs(rows))
    assert expected[0].shape == (rows, T, N)
    assert_alike(differentiated(lambda x: own(x, training=True), own, inputs(rows)), expected)


@pytest.mark.parametrize("compiled", [False, True], ids=["graph", "XLA"])
def test_the_same_in_a_graph_that_knows_neither_rows_nor_steps(compiled: bool) -> None:
    own, _ = extractor()
    layer, _ = evolution("augru_released")

    def both(x: tf.Tensor) -> tf.Tensor:
        states = layer(x, tf.nn.sigmoid(x[:, :, 0]), tf.ones(tf.shape(x)[:2], tf.bool), training=True)
        return tf.concat([states[:, None], own(x, training=True)], axis=1)

    def trained(x: tf.Tensor) -> list[Any]:
        return differentiated(both, own, x) + differentiated(both, layer, x)

    graph = tf.function(trained, jit_compile=compiled, input_signature=[tf.TensorSpec((None, None, D))])
    for rows, steps in ((5, T), (4, 2), (1, 9)):
        assert_alike(graph(inputs(rows, steps)), trained(inputs(rows, steps)))


def test_no_rows_have_no_states() -> None:
    own, _ = extractor()
    result, *gradients = differentiated(lambda x: own(x, training=True), own, inputs(0))
    assert result.shape == (0, T, N)
    assert all(not np.any(gradient) for gradient in gradients)


def test_two_steps_by_hand() -> None:
    """One unit, all weights of the input 1, of the state 2, biases 0 and 0.5 of the state in the candidate.

    From x = 0: z = r = 1/2, c = tanh(0.25) = 0.2449, h = 0.1225. From x = 1: z = r = sigmoid(1.2449) = 0.7764,
    c = tanh(1 + 0.7764 * (0.2449 + 0.5)) = tanh(1.5784) = 0.9184, h = 0.1225 + 0.7764 * (0.9184 - 0.1225) = 0.7404.
    """
    states = gated_recurrence(
        tf.constant([[[0.0], [1.0]]]),
        tf.ones((1, 3)),
        tf.zeros(3),
        2.0 * tf.ones((1, 3)),
        tf.constant([0.5]),
        return_sequences=True,
    )
    np.testing.assert_allclose(states, [[[0.1225], [0.7404]]], atol=1e-4)


def test_gradients_of_weights_add_up_in_half_precision_too() -> None:
    """bfloat16 has 8 bits: adding up one by one, it stops where the sum is 256 times what is added.

    No state counts in the next one, so that all are c = tanh(1) = 0.7616, and each of the 999 steps that has one before
    it adds 0.7616 * (1 - c * c) * r = 0.7616 * 0.42 * 0.5 = 0.1599 to the gradient of the candidate's weight.
    """
    recurrent = tf.zeros((1, 2), tf.bfloat16)
    with tf.GradientTape() as tape:
        tape.watch(recurrent)
        x = tf.ones((1, 1000, 1), tf.bfloat16)
        weights = tf.constant([[0.0, 1.0]], tf.bfloat16), tf.zeros(2, tf.bfloat16), recurrent
        states = gated_recurrence(x, *weights, base=x, return_sequences=True)
        total = tf.reduce_sum(tf.cast(states, tf.float32))
    np.testing.assert_allclose(tf.cast(tape.gradient(total, recurrent), tf.float32)[0, 1], 999 * 0.1599, rtol=0.02)
