"""What a set of points says: means and deviations, and how far two of them are from one another."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from interestflow.models.layers.sequence.neural_process import LatentPath, gaussian_divergence, wasserstein_distance

AGGREGATIONS = ["precision", "mean"]


def path(aggregation: str, width: int = 3) -> LatentPath:
    keras.utils.set_random_seed(4)
    layer = LatentPath(width, aggregation)
    layer.build()
    return layer


def points(count: int = 6) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(2, count, 3)).astype(np.float32)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_the_order_of_points_does_not_count_and_what_is_masked_neither(aggregation: str) -> None:
    layer, found = path(aggregation), points()
    mean, deviation = layer(found, np.ones((2, 6), bool))
    order = [3, 1, 5, 0, 4, 2]
    for again in (
        layer(found[:, order], np.ones((2, 6), bool)),
        layer(
            np.concatenate([found, np.full((2, 1, 3), 9.0, np.float32)], axis=1), np.array([[True] * 6 + [False]] * 2)
        ),
    ):
        np.testing.assert_allclose(again[0], mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(again[1], deviation, rtol=1e-5)


def test_precisions_add_up_from_a_standard_normal() -> None:
    """Heads of 0 give every point mean m and deviation 0.1 + 0.9 / 2 = 0.55, whose precision is 3.306.

    Two points: variance 1 / (1 + 6.612) = 0.1314; mean 0.1314 * 6.612 * m = 0.8686 m. None: mean 0 and deviation 1.
    """
    layer = path("precision")
    for head in (layer.mean_head, layer.deviation_head):
        head.kernel.assign(np.zeros((3, 3)))
    layer.mean_head.bias.assign([1.0, 2.0, -1.0])
    mean, deviation = layer(points(), np.array([[True, True, False, False, False, False], [False] * 6]))
    np.testing.assert_allclose(mean[0], np.array([1.0, 2.0, -1.0]) * 0.8686, rtol=1e-4)
    np.testing.assert_allclose(deviation[0], np.full(3, 0.1314**0.5), rtol=1e-3)
    np.testing.assert_array_equal([mean[1], deviation[1]], [[0.0] * 3, [1.0] * 3])


def test_a_mean_is_of_the_points_then_goes_through_the_heads() -> None:
    """Two points and their mean, twice, give the same; a deviation lies between 0.1 and 1."""
    layer, found = path("mean"), points(2)
    middle = np.repeat(found.mean(axis=1, keepdims=True), 2, axis=1)
    for some, others in zip(layer(found, np.ones((2, 2), bool)), layer(middle, np.ones((2, 2), bool)), strict=True):
        np.testing.assert_allclose(some, others, rtol=1e-5)
    deviation = np.asarray(layer(1000.0 * found, np.ones((2, 2), bool))[1])
    assert 0.1 <= deviation.min() < 0.11 or 0.99 < deviation.max() <= 1.0


def test_untrained_precision_narrows_with_every_point_and_a_mean_does_not() -> None:
    found = np.random.default_rng(6).normal(size=(50, 20, 3)).astype(np.float32)
    deviations = {
        name: [float(np.mean(path(name)(found[:, :n], np.ones((50, n), bool))[1])) for n in (1, 2, 5, 10, 20)]
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


def test_no_distance_is_below_0_and_it_is_0_from_itself() -> None:
    random = np.random.default_rng(7)
    mean, from_mean = random.normal(size=(2, 100, 4))
    deviation, from_deviation = random.uniform(0.1, 1.0, (2, 100, 4))
    for distance in gaussian_divergence, wasserstein_distance:
        assert np.all(np.asarray(distance(mean, deviation, from_mean, from_deviation)) > 0.0)
        np.testing.assert_allclose(distance(mean, deviation, mean, deviation), np.zeros(100), atol=1e-9)


def test_an_aggregation_that_is_none() -> None:
    with pytest.raises(ValueError, match="`aggregation` should be mean or precision, received 'sum'"):
        LatentPath(3, "sum")
