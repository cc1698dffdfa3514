"""KGAT's aggregator, by hand."""

from __future__ import annotations

import keras
import numpy as np

from interestflow.models.layers.graph.bi_interaction import BiInteraction


def build_layer(**options: float) -> BiInteraction:
    """Build a layer from two numbers to one: weights (1, 2) and bias 0.5 of the sum, (3, 1) and -1 of the product."""
    layer = BiInteraction(1, **options)
    layer.build((None, 2))
    layer.sum_projection.kernel.assign([[1.0], [2.0]])
    layer.sum_projection.bias.assign([0.5])
    layer.product_projection.kernel.assign([[3.0], [1.0]])
    layer.product_projection.bias.assign([-1.0])
    return layer


def test_sum_and_product_are_activated_separately() -> None:
    """The first node has sum (4, 1): 4 + 2 + 0.5 = 6.5, and product (3, -2): 9 - 2 - 1 = 6.

    The second has -2 - 4 + 0.5 = -5.5 and 0 + 1 - 1 = 0, of which LeakyReLU takes 0.2 times the negative one.
    """
    vectors = np.array([[1.0, 2.0], [-2.0, -1.0]], np.float32)
    neighbours = np.array([[3.0, -1.0], [0.0, -1.0]], np.float32)
    np.testing.assert_allclose(build_layer()(vectors, neighbours), [[12.5], [0.2 * -5.5 + 0.2 * 0.0]], atol=1e-6)


def test_without_neighbours_the_product_is_its_bias() -> None:
    """LeakyReLU(-1) is -0.2, added to LeakyReLU of the vector's own 1 + 2 * 2 + 0.5."""
    np.testing.assert_allclose(build_layer()(np.array([[1.0, 2.0]], np.float32), np.zeros((1, 2), np.float32)), [[5.3]])


def test_messages_are_dropped_in_training_only() -> None:
    dropping = build_layer(dropout=0.5)
    ones = np.ones((200, 2), np.float32)
    assert len(np.unique(dropping(ones, ones, training=False))) == 1
    assert np.unique(dropping(ones, ones, training=True)).tolist()[0] == 0.0


def test_it_is_rebuilt_from_its_configuration() -> None:
    rebuilt = BiInteraction.from_config(build_layer(dropout=0.25).get_config())
    assert (rebuilt.units, rebuilt.dropout) == (1, 0.25)
    assert isinstance(keras.layers.deserialize(keras.layers.serialize(rebuilt)), BiInteraction)
