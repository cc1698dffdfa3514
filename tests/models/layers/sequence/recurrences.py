"""Values and gradients of recurrent layers, compared with one another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from interestflow.models.layers.sequence.interest_extractor import InterestExtractor

STEPS, WIDTH, UNITS = 6, 3, 4


def randomize_weights(layer: keras.layers.Layer) -> None:
    random = np.random.default_rng(1)
    for weight in layer.trainable_variables:
        weight.assign(random.normal(0.0, 0.7, weight.shape))


def random_inputs(rows: int, steps: int = STEPS) -> tf.Tensor:
    return tf.constant(np.random.default_rng(2).normal(size=(rows, steps, WIDTH)), tf.float32)


def value_and_gradients(
    compute: Callable[..., Any], layers: list[keras.layers.Layer], *arguments: tf.Tensor
) -> list[Any]:
    """Return what `compute` makes of its arguments, and the gradients of a sum over it by them and by all weights."""
    weights = [weight.value for layer in layers for weight in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        result = compute(*arguments)
        positions = tf.cast(tf.range(tf.size(result)), result.dtype)
        total = tf.reduce_sum(tf.sin(tf.reshape(result, (-1,)) + positions))
    return [result, *tape.gradient(total, [*arguments, *weights])]


def assert_all_close(results: list[Any], expected: list[Any]) -> None:
    for one, other in zip(results, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)


def extractor_and_gru() -> tuple[InterestExtractor, keras.layers.GRU]:
    """Return both with the same weights."""
    extractor, gru = InterestExtractor(UNITS), keras.layers.GRU(UNITS, return_sequences=True)
    extractor.build((None, None, WIDTH))
    gru.build((None, None, WIDTH))
    randomize_weights(extractor)
    gru.set_weights(extractor.get_weights())
    return extractor, gru
