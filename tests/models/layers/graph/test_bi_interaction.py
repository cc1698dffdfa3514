"""KGAT's aggregator, by hand."""

from __future__ import annotations

import keras
import numpy as np

from interestflow.models.layers.graph.bi_interaction import BiInteraction


def layer(**options: float) -> BiInteraction:
    """From two numbers to one: the sum is weighted by (1, 2) and moved by 0.5, the product by (3, 1) and -1."""
    made = BiInteraction(1, **options)
    made.build((None, 2))
    made.sum_projection.kernel.assign([[1.0], [2.0]])
    made.sum_projection.bias.assign([0.5])
    made.product_projection.kernel.assign([[3.0], [1.0]])
    made.product_projection.bias.assign([-1.0])
    return made


def test_the_two_parts_are_activated_apart() -> None:
    """Sum (4, 1): 4 + 2 + 0.5 = 6.5. Product (3, -2): 9 - 2 - 1 = 6. The second node's are -5.5 and 1, of which the
    first counts 0.2 times: -1.1 + 1."""
    vectors = np.array([[1.0, 2.0], [-2.0, -1.0]], np.float32)
    neighbours = np.array([[3.0, -1.0], [0.0, -1.0]], np.float32)
    np.testing.assert_allclose(layer()(vectors, neighbours), [[12.5], [0.2 * -5.5 + 0.2 * 0.0]], atol=1e-6)


def test_without_neighbours_the_product_says_its_bias_alone() -> None:
    """LeakyReLU(-1) is -0.2 beside LeakyReLU of the vector's own 1 + 2 * 2 + 0.5."""
    np.testing.assert_allclose(layer()(np.array([[1.0, 2.0]], np.float32), np.zeros((1, 2), np.float32)), [[5.3]])


def test_messages_are_dropped_in_training_alone() -> None:
    dropping = layer(dropout=0.5)
    ones = np.ones((200, 2), np.float32)
    assert len(np.unique(dropping(ones, ones, training=False))) == 1
    assert np.unique(dropping(ones, ones, training=True)).tolist()[0] == 0.0


def test_it_comes_back_from_its_configuration() -> None:
    again = BiInteraction.from_config(layer(dropout=0.25).get_config())
    assert (again.units, again.dropout) == (1, 0.25)
    assert isinstance(keras.layers.deserialize(keras.layers.serialize(again)), BiInteraction)
