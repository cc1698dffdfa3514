"""Interests of one time horizon that attend to those of the other, computed by hand."""

from __future__ import annotations

import numpy as np

from interestflow.models.layers.attention.co_interest import CoInterest

OWN = np.array([[[1.0, 0.0], [0.0, 1.0]]], np.float32)
OTHER = np.array([[[4.0, 0.0], [0.0, 2.0]]], np.float32)


def build_layer() -> CoInterest:
    """Build the layer with a projection of zero and a half-open gate."""
    layer = CoInterest(2)
    layer.build()
    layer.projection.kernel.assign(np.zeros((2, 2)))
    layer.gate.kernel.assign(np.zeros((4, 2)))
    return layer


def test_half_of_the_own_interest_and_half_of_what_it_attends_to() -> None:
    """It attends to the mean of both others, (2, 1), or, if only the first is used, to (4, 0)."""
    np.testing.assert_allclose(
        build_layer()(OWN, OTHER, np.array([[True, True]])), [[[1.5, 0.5], [1.0, 1.0]]], rtol=1e-6
    )
    np.testing.assert_allclose(
        build_layer()(OWN, OTHER, np.array([[True, False]])), [[[2.5, 0.0], [2.0, 0.5]]], rtol=1e-6
    )


def test_it_attends_to_what_is_similar() -> None:
    """Products are 40 and 0, then 0 and 20: each attends to the one on its axis, and the gate passes nothing else."""
    layer = build_layer()
    layer.projection.kernel.assign(10.0 * np.eye(2))
    layer.gate.bias.assign([-100.0, -100.0])
    np.testing.assert_allclose(layer(OWN, OTHER, np.array([[True, True]])), OTHER, atol=1e-4)


def test_without_used_interests_of_the_other_horizon_nothing_changes() -> None:
    np.testing.assert_array_equal(build_layer()(OWN, OTHER, np.array([[False, False]])), OWN)
