"""Orthonormal directions, and behaviours routed to the channel of their highest score."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.layers.diffusion.orthogonal_channels import OrthogonalChannels, route


def build_layer(scale: float) -> OrthogonalChannels:
    keras.utils.set_random_seed(1)
    layer = OrthogonalChannels(4)
    layer.build((None, 8))
    layer.kernel.assign(scale * layer.kernel.numpy())
    return layer


@pytest.mark.parametrize("scale", [0.0, 1.0, 100.0])
def test_every_candidates_channels_are_orthonormal(scale: float) -> None:
    directions = np.asarray(build_layer(scale)(np.random.default_rng(2).normal(size=(50, 8)).astype(np.float32)))
    products = np.einsum("bdi,bdj->bij", directions, directions)
    assert np.abs(products - np.eye(4)).max() < 1e-5


def test_the_signs_are_fixed() -> None:
    """Each channel has a positive product with its column, like the diagonal of R in a QR decomposition."""
    layer, target = build_layer(1.0), np.random.default_rng(2).normal(size=(5, 8)).astype(np.float32)
    columns = (target @ layer.kernel.numpy()).reshape(5, 8, 4) + layer.bias.numpy()
    assert np.all(np.einsum("bdi,bdi->bi", columns, np.asarray(layer(target))) > 0)


def test_gradients_stay_finite_for_targets_of_zeros() -> None:
    layer, target = build_layer(1.0), tf.zeros((3, 8))
    with tf.GradientTape() as tape:
        tape.watch(target)
        loss = tf.reduce_sum(layer(target) ** 3)
    for gradient in tape.gradient(loss, [target, layer.kernel.value, layer.bias.value]):
        assert np.abs(np.asarray(gradient)).max() < 1e3


def test_more_channels_than_dimensions_are_rejected() -> None:
    with pytest.raises(ValueError, match="`channels` should be at most the vectors' width, 3, received 4"):
        OrthogonalChannels(4).build((None, 3))


SCORES = np.array([[[5.0, 1.0], [4.0, 3.0], [0.5, 2.0], [9.0, 0.0], [3.0, 2.5]]], np.float32)
MASK = np.array([[True, True, True, False, True]])


def test_a_behaviour_is_routed_to_its_best_channel_and_a_channel_keeps_its_top_k() -> None:
    """The fourth is padding. The first channel keeps two of three (5, 4, 3); the second has one."""
    first, second = [1, 1, 0, 0, 0], [0, 0, 1, 0, 0]
    np.testing.assert_array_equal(np.asarray(route(SCORES, MASK, 2))[0].T, [first, second])
    np.testing.assert_array_equal(np.asarray(route(SCORES, MASK, 9))[0].T, [[1, 1, 0, 0, 1], second])


def test_a_channel_keeps_a_share_of_its_behaviours() -> None:
    """Two thirds of the first channel's three are two, and half of them is two, rounded up; the second has one."""
    first, second = [1, 1, 0, 0, 0], [0, 0, 1, 0, 0]
    for share in (2 / 3, 0.5):
        np.testing.assert_array_equal(np.asarray(route(SCORES, MASK, 9, share))[0].T, [first, second])
    np.testing.assert_array_equal(np.asarray(route(SCORES, MASK, 9, 0.01))[0].T, [[1, 0, 0, 0, 0], second])
    np.testing.assert_array_equal(np.asarray(route(SCORES, MASK, 1, 1.0))[0].T, [[1, 0, 0, 0, 0], second])


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_channel_of_an_empty_history_keeps_nothing(share: float) -> None:
    assert not np.asarray(route(SCORES, np.zeros((1, 5), bool), 2, share)).any()


def test_ties_are_kept_together() -> None:
    scores = np.array([[[5.0, 1.0], [4.0, 1.0], [4.0, 1.0], [3.0, 1.0]]], np.float32)
    np.testing.assert_array_equal(np.asarray(route(scores, np.ones((1, 4), bool), 2))[0, :, 0], [1, 1, 1, 0])


def test_no_behaviour_is_in_two_channels() -> None:
    scores = np.random.default_rng(3).normal(size=(20, 30, 4)).astype(np.float32)
    assert np.asarray(route(scores, np.ones((20, 30), bool), 5)).sum(-1).max() == 1
