"""Interests of one horizon that take over from the other."""

from __future__ import annotations

import numpy as np

from interestflow.models.layers.attention.co_interest import CoInterest

OWN = np.array([[[1.0, 0.0], [0.0, 1.0]]], np.float32)
OTHER = np.array([[[4.0, 0.0], [0.0, 2.0]]], np.float32)


def layer() -> CoInterest:
    """Fresh but for the projection, which is zero, and the gate, which is open by half."""
    found = CoInterest(2)
    found.build()
    found.projection.kernel.assign(np.zeros((2, 2)))
    found.gate.kernel.assign(np.zeros((4, 2)))
    return found


def test_half_of_its_own_and_half_of_what_it_sees() -> None:
    """It sees the mean of both others, (2, 1); or, where the first alone is used, (4, 0)."""
    np.testing.assert_allclose(layer()(OWN, OTHER, np.array([[True, True]])), [[[1.5, 0.5], [1.0, 1.0]]], rtol=1e-6)
    np.testing.assert_allclose(layer()(OWN, OTHER, np.array([[True, False]])), [[[2.5, 0.0], [2.0, 0.5]]], rtol=1e-6)


def test_it_sees_what_is_like_it() -> None:
    """Products of 40 and 0, then 0 and 20: each sees the one on its axis, and the gate lets through that alone."""
    found = layer()
    found.projection.kernel.assign(10.0 * np.eye(2))
    found.gate.bias.assign([-100.0, -100.0])
    np.testing.assert_allclose(found(OWN, OTHER, np.array([[True, True]])), OTHER, atol=1e-4)


def test_where_there_is_nothing_to_see_it_stays() -> None:
    np.testing.assert_array_equal(layer()(OWN, OTHER, np.array([[False, False]])), OWN)
