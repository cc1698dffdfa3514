"""The Gaussian of a set of points, and distances between two Gaussians."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from interestflow.models.layers.sequence.neural_process import LatentPath, gaussian_divergence, wasserstein_distance

AGGREGATIONS = ["precision", "mean"]


def build_path(aggregation: str, width: int = 3) -> LatentPath:
    keras.utils.set_random_seed(4)
    layer = LatentPath(width, aggregation)
    layer.build()
    return layer


def points(count: int = 6) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(2, count, 3)).astype(np.float32)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_neither_the_order_of_points_nor_masked_points_matter(aggregation: str) -> None:
    layer, observations = build_path(aggregation), points()
    mean, deviation = layer(observations, np.ones((2, 6), bool))
    order = [3, 1, 5, 0, 4, 2]
    for result in (
        layer(observations[:, order], np.ones((2, 6), bool)),
        layer(
            np.concatenate([observations, np.full((2, 1, 3), 9.0, np.float32)], axis=1),
            np.array([[True] * 6 + [False]] * 2),
        ),
    ):
        np.testing.assert_allclose(result[0], mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(result[1], deviation, rtol=1e-5)


def test_precisions_add_up_from_a_standard_normal() -> None:
    """With kernels of 0 every point has mean m and deviation 0.1 + 0.9 / 2 = 0.55, whose precision is 3.306.

    Two points have variance 1 / (1 + 6.612) = 0.1314 and mean 0.1314 * 6.612 * m = 0.8686 m. No point has 0 and 1.
    """
    layer = build_path("precision")
    for head in (layer.mean_head, layer.deviation_head):
        head.kernel.assign(np.zeros((3, 3)))
    layer.mean_head.bias.assign([1.0, 2.0, -1.0])
    mean, deviation = layer(points(), np.array([[True, True, False, False, False, False], [False] * 6]))
    np.testing.assert_allclose(mean[0], np.array([1.0, 2.0, -1.0]) * 0.8686, rtol=1e-4)
    np.testing.assert_allclose(deviation[0], np.full(3, 0.1314**0.5), rtol=1e-3)
    np.testing.assert_array_equal([mean[1], deviation[1]], [[0.0] * 3, [1.0] * 3])


def test_mean_aggregation_averages_the_points_before_the_heads() -> None:
    """Two points have the same result as their mean twice; a deviation lies between 0.1 and 1."""
    layer, observations = build_path("mean"), points(2)
    middle = np.repeat(observations.mean(axis=1, keepdims=True), 2, axis=1)
    for some, other_points in zip(
        layer(observations, np.ones((2, 2), bool)), layer(middle, np.ones((2, 2), bool)), strict=True
    ):
        np.testing.assert_allclose(some, other_points, rtol=1e-5)
    deviation = np.asarray(layer(1000.0 * observations, np.ones((2, 2), bool))[1])
    assert 0.1 <= deviation.min() < 0.11 or 0.99 < deviation.max() <= 1.0


def test_initially_precision_narrows_with_every_point_and_a_mean_does_not() -> None:
    observations = np.random.default_rng(6).normal(size=(50, 20, 3)).astype(np.float32)
    deviations = {
        name: [
            float(np.mean(build_path(name)(observations[:, :n], np.ones((50, n), bool))[1])) for n in (1, 2, 5, 10, 20)
        ]
        for name in AGGREGATIONS
    }
    assert np.all(np.diff(deviations["precision"]) < 0)
    assert deviations["precision"][-1] < 0.3 * deviations["precision"][0]
    assert deviations["mean"][-1] > 0.9 * deviations["mean"][0]


def test_the_divergence_in_closed_form() -> None:
    """N(0, 1) from N(1, 2): ln 2 + (1 + 1) / 8 - 1 / 2. The other way it is -ln 2 + (4 + 1) / 2 - 1 / 2."""
    some, other = (np.zeros((1, 2)), np.ones((1, 2))), (np.ones((1, 2)), np.full((1, 2), 2.0))
    np.testing.assert_allclose(gaussian_divergence(*some, *other), [2 * (np.log(2) - 0.25)], rtol=1e-6)
    np.testing.assert_allclose(gaussian_divergence(*other, *some), [2 * (2.0 - np.log(2))], rtol=1e-6)
    np.testing.assert_allclose(wasserstein_distance(*some, *other), [4.0])


def test_distances_are_positive_and_0_from_itself() -> None:
    random = np.random.default_rng(7)
    mean, from_mean = random.normal(size=(2, 100, 4))
    deviation, from_deviation = random.uniform(0.1, 1.0, (2, 100, 4))
    for distance in gaussian_divergence, wasserstein_distance:
        assert np.all(np.asarray(distance(mean, deviation, from_mean, from_deviation)) > 0.0)
        np.testing.assert_allclose(distance(mean, deviation, mean, deviation), np.zeros(100), atol=1e-9)


def test_an_unknown_aggregation_is_rejected() -> None:
    with pytest.raises(ValueError, match="`aggregation` should be mean or precision, received 'sum'"):
        LatentPath(3, "sum")
