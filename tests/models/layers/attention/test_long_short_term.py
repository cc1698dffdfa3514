"""Interests of recent and of earlier behaviours, which attend to one another."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from interestflow.models.layers.attention.long_short_term import (
    LongShortTermInterests,
    replace_unused,
    soft_maximum,
)

WIDTH, INTERESTS, LENGTH, RECENT = 4, 2, 6, 2


@pytest.fixture(scope="module")
def layer() -> LongShortTermInterests:
    keras.utils.set_random_seed(1)
    built = LongShortTermInterests(WIDTH, INTERESTS, LENGTH, RECENT)
    built.build()
    return built


def history(rows: int = 3) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(rows, LENGTH, WIDTH)).astype(np.float32)


def test_short_term_interests_come_first(layer: LongShortTermInterests) -> None:
    """A history of its newest behaviours alone has no long-term interests."""
    mask = np.arange(LENGTH) < np.array([[LENGTH], [RECENT], [0]])
    interests, used = layer(history(), mask)
    assert interests.shape == (3, 2 * INTERESTS, WIDTH)
    used = np.asarray(used)
    assert used[0, :INTERESTS].any()
    assert used[0, INTERESTS:].any()
    assert used[1, :INTERESTS].any()
    assert not used[1, INTERESTS:].any()
    assert not used[2].any()


def test_without_older_behaviours_the_short_term_interests_are_the_centers(layer: LongShortTermInterests) -> None:
    behaviours, mask = history(), np.tile(np.arange(LENGTH) < RECENT, (3, 1))
    interests, _ = layer(behaviours, mask)
    centers, _ = layer.short_term(behaviours[:, :RECENT], mask[:, :RECENT])
    np.testing.assert_allclose(interests[:, :INTERESTS], centers, rtol=1e-5, atol=1e-6)


def test_the_recent_length_is_a_quarter_of_the_history_and_at_least_2() -> None:
    assert LongShortTermInterests(WIDTH, INTERESTS, 40).recent_length == 10
    assert LongShortTermInterests(WIDTH, INTERESTS, 4).recent_length == 2


def test_unused_interests_repeat_the_first_used_one() -> None:
    interests = np.array([[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]], [[7.0], [8.0], [9.0]]], np.float32)
    used = np.array([[False, True, False], [True, False, True], [False, False, False]])
    expected = [[[2.0], [2.0], [2.0]], [[4.0], [4.0], [6.0]], [[0.0], [0.0], [0.0]]]
    np.testing.assert_array_equal(replace_unused(interests, used), expected)


def test_the_soft_maximum_by_hand() -> None:
    """Products 2 and 1 at a temperature of 1 weigh e / (1 + e) and 1 / (1 + e)."""
    products = np.array([[2.0, 1.0]], np.float32)
    np.testing.assert_allclose(soft_maximum(products, 1.0), [(2 * np.e + 1) / (1 + np.e)], rtol=1e-5)
    np.testing.assert_allclose(soft_maximum(products, 0.01), [2.0], rtol=1e-5)
