"""The recurrence with a hand-written backward pass, compared with Keras's cells and automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.layers.sequence.gated_recurrence import gated_recurrence
from interestflow.models.layers.sequence.interest_evolution import CELLS, InterestEvolution
from tests.models.layers.sequence.recurrences import (
    STEPS,
    UNITS,
    WIDTH,
    assert_all_close,
    extractor_and_gru,
    random_inputs,
    randomize_weights,
    value_and_gradients,
)


def evolution(cell: str) -> tuple[InterestEvolution, tf.Tensor]:
    layer = InterestEvolution(UNITS, cell)
    layer.build((None, None, WIDTH))
    randomize_weights(layer)
    return layer, tf.constant([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]]) == 1


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_and_its_gradients_are_those_of_keras_loop(cell: str, rows: int) -> None:
    layer, mask = evolution(cell)
    mask = mask[:rows]
    attention = tf.constant(np.random.default_rng(3).uniform(0.1, 0.9, (rows, STEPS)), tf.float32)

    def run_cell(x: tf.Tensor, attention: tf.Tensor) -> tf.Tensor:
        valid = tf.cast(mask, tf.float32)[:, :, None]
        attention = valid * attention[:, :, None]
        return layer.run_cell(attention * x if cell == "aigru" else x, attention, valid)

    expected = value_and_gradients(run_cell, [layer], random_inputs(rows), attention)
    results = value_and_gradients(
        lambda x, a: layer(x, a, mask, training=True), [layer], random_inputs(rows), attention
    )
    assert_all_close(results, expected)
    assert np.abs(expected[1]).max() > 0.01, "there should be something to compare"


SIZES = ((5, STEPS), (4, 2), (1, 9))
"""Rows and steps."""


@pytest.fixture(scope="module")
def differentiate() -> Callable[[tf.Tensor], list[Any]]:
    """Return values and gradients of both recurrent layers."""
    extractor, _ = extractor_and_gru()
    layer, _ = evolution("augru_released")

    def both(x: tf.Tensor) -> tf.Tensor:
        states = layer(x, tf.nn.sigmoid(x[:, :, 0]), tf.ones(tf.shape(x)[:2], tf.bool), training=True)
        return tf.concat([states[:, None], extractor(x, training=True)], axis=1)

    return lambda x: value_and_gradients(both, [extractor, layer], x)


@pytest.fixture(scope="module")
def eager(differentiate: Callable[[tf.Tensor], list[Any]]) -> list[list[Any]]:
    """Return values and gradients for each of `SIZES`, computed eagerly."""
    return [differentiate(random_inputs(*size)) for size in SIZES]


@pytest.mark.parametrize("compiled", [False, True], ids=["graph", "XLA"])
def test_the_same_in_a_graph_with_unknown_numbers_of_rows_and_steps(
    compiled: bool, differentiate: Callable[[tf.Tensor], list[Any]], eager: list[list[Any]]
) -> None:
    signature = [tf.TensorSpec((None, None, WIDTH))]
    graph = tf.function(differentiate, jit_compile=compiled, input_signature=signature)
    for size, expected in zip(SIZES, eager, strict=True):
        assert_all_close(graph(random_inputs(*size)), expected)


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

    @tf.function
    def gradient() -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(recurrent)
            x = tf.ones((1, 1000, 1), tf.bfloat16)
            weights = tf.constant([[0.0, 1.0]], tf.bfloat16), tf.zeros(2, tf.bfloat16), recurrent
            states = gated_recurrence(x, *weights, base=x, return_sequences=True)
            total = tf.reduce_sum(tf.cast(states, tf.float32))
        return tf.cast(tape.gradient(total, recurrent), tf.float32)

    np.testing.assert_allclose(gradient()[0, 1], 999 * 0.1599, rtol=0.02)
