"""Sequences of categories: exact results for small rows."""

from __future__ import annotations

import numpy as np

from interestflow.transforms.generator.sequences import advance_categories, is_among_last, is_next

USER = np.array([0, 0, 0, 0, 0, 1, 1])
CATEGORY = np.array([3, 1, 3, 0, 3, 3, 3])


def test_is_among_last_looks_back_at_the_same_user() -> None:
    assert is_among_last(USER, CATEGORY, 1).tolist() == [False] * 6 + [True]
    assert is_among_last(USER, CATEGORY, 2).tolist() == [False, False, True, False, True, False, True]
    assert is_among_last(USER, CATEGORY, 99).tolist() == [False, False, True, False, True, False, True]


def test_is_next_follows_the_ring() -> None:
    """1 follows 3, 0 follows 1, 2 follows 0, 3 follows 2."""
    ring = np.array([3, 1, 0, 2])
    assert is_next(USER, CATEGORY, ring).tolist() == [False, True, False, False, False, False, False]
    assert is_next(np.zeros(3, int), np.array([0, 2, 3]), ring).tolist() == [False, True, True]


def test_categories_advance_along_the_ring() -> None:
    ring = np.array([3, 1, 0, 2])
    assert advance_categories(USER, CATEGORY, ring, 1.0, np.random.default_rng(1)).tolist() == [3, 1, 0, 2, 3, 3, 1]
    assert advance_categories(USER, CATEGORY, ring, 0.0, np.random.default_rng(1)).tolist() == CATEGORY.tolist()


def test_a_share_of_categories_advances() -> None:
    random = np.random.default_rng(1)
    user, category = np.zeros(20_001, int), random.integers(0, 50, 20_001)
    shown = advance_categories(user, category, np.arange(50), 0.3, random)
    # Of the others one in 50 follows by chance: 0.3 + 0.7 / 50; the standard deviation of the share is 0.0033.
    assert abs(is_next(user, shown, np.arange(50)).mean() - 0.314) < 0.013
