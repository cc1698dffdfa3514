"""Directions at right angles, and behaviours that go where they fit best."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.layers.diffusion.orthogonal_channels import OrthogonalChannels, route


def layer(scale: float) -> OrthogonalChannels:
    keras.utils.set_random_seed(1)
    made = OrthogonalChannels(4)
    made.build((None, 8))
    made.kernel.assign(scale * made.kernel.numpy())
    return made


@pytest.mark.parametrize("scale", [0.0, 1.0, 100.0])
def test_every_candidates_channels_are_orthonormal(scale: float) -> None:
    found = np.asarray(layer(scale)(np.random.default_rng(2).normal(size=(50, 8)).astype(np.float32)))
    products = np.einsum("bdi,bdj->bij", found, found)
    assert np.abs(products - np.eye(4)).max() < 1e-5


def test_the_signs_are_fixed() -> None:
    """Each channel has a positive part of the column that it came from, as R's diagonal in a QR decomposition."""
    made, target = layer(1.0), np.random.default_rng(2).normal(size=(5, 8)).astype(np.float32)
    columns = (target @ made.kernel.numpy()).reshape(5, 8, 4) + made.bias.numpy()
    assert np.all(np.einsum("bdi,bdi->bi", columns, np.asarray(made(target))) > 0)


def test_gradients_stay_finite_for_targets_that_are_nothing() -> None:
    made, target = layer(1.0), tf.zeros((3, 8))
    with tf.GradientTape() as tape:
        tape.watch(target)
        loss = tf.reduce_sum(made(target) ** 3)
    for gradient in tape.gradient(loss, [target, made.kernel.value, made.bias.value]):
        assert np.abs(np.asarray(gradient)).max() < 1e3


def test_more_channels_than_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="`channels` should be at most the vectors' width, 3, received 4"):
        OrthogonalChannels(4).build((None, 3))


SCORES = np.array([[[5.0, 1.0], [4.0, 3.0], [0.5, 2.0], [9.0, 0.0], [3.0, 2.5]]], np.float32)
MASK = np.array([[True, True, True, False, True]])


def test_each_goes_to_its_best_channel_and_a_channel_keeps_its_best() -> None:
    """The fourth is padding; of the first channel's three (5, 4, 3) two are kept; the second has one."""
    first, second = [1, 1, 0, 0, 0], [0, 0, 1, 0, 0]
    np.testing.assert_array_equal(np.asarray(route(SCORES, MASK, 2))[0].T, [first, second])
    np.testing.assert_array_equal(np.asarray(route(SCORES, MASK, 9))[0].T, [[1, 1, 0, 0, 1], second])


def test_a_channel_keeps_a_share_of_its_own() -> None:
    """Of the first channel's three, two thirds are two and the half is two, rounded up; of the second's one, one."""
    first, second = [1, 1, 0, 0, 0], [0, 0, 1, 0, 0]
    for share in (2 / 3, 0.5):
        np.testing.assert_array_equal(np.asarray(route(SCORES, MASK, 9, share))[0].T, [first, second])
    np.testing.assert_array_equal(np.asarray(route(SCORES, MASK, 9, 0.01))[0].T, [[1, 0, 0, 0, 0], second])
    np.testing.assert_array_equal(np.asarray(route(SCORES, MASK, 1, 1.0))[0].T, [[1, 0, 0, 0, 0], second])


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_where_nothing_is_there_nothing_is_kept(share: float) -> None:
    assert not np.asarray(route(SCORES, np.zeros((1, 5), bool), 2, share)).any()


def test_those_that_score_alike_are_kept_together() -> None:
    scores = np.array([[[5.0, 1.0], [4.0, 1.0], [4.0, 1.0], [3.0, 1.0]]], np.float32)
    np.testing.assert_array_equal(np.asarray(route(scores, np.ones((1, 4), bool), 2))[0, :, 0], [1, 1, 1, 0])


def test_no_behaviour_is_in_two_channels() -> None:
    scores = np.random.default_rng(3).normal(size=(20, 30, 4)).astype(np.float32)
    assert np.asarray(route(scores, np.ones((20, 30), bool), 5)).sum(-1).max() == 1
