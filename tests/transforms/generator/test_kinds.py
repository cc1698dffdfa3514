"""Kinds of impressions: exact results for small rows, and shares within their sampling error."""

from __future__ import annotations

import numpy as np

from interestflow.transforms.generator.kinds import Kinds, draw_kinds, matches_label

INTERESTS = np.array([[1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 1, 1]])


def test_each_label_depends_on_the_interests_of_its_kind() -> None:
    """Of three interests the first is the first kind's, the others the second's."""
    kind = np.array([0, 1, 1, 0])
    for category, expected in (
        ([1, 1, 2, 1], [True, False, True, True]),
        ([2, 3, 3, 5], [False, True, True, False]),
    ):
        kinds = Kinds(np.zeros(4, int), np.array(category), kind)
        assert matches_label(INTERESTS, kinds).tolist() == expected


def test_a_kind_shows_its_own_half_of_the_interests() -> None:
    """10,000 draws: the standard deviation of a share of a half is 0.005, of a quarter 0.0043."""
    interests, popular = np.tile([[1, 2, 3]], (10_000, 1)), np.full(10_000, 9)
    kinds = draw_kinds(interests, popular, 1.0, np.random.default_rng(1))
    assert set(kinds.category[kinds.kind == 0]) == {1}
    assert set(kinds.category[kinds.kind == 1]) == {2, 3}
    assert abs((kinds.category == 1).mean() - 0.5) < 0.02
    assert abs((kinds.category == 2).mean() - 0.25) < 0.018
    assert abs((kinds.kind == kinds.observed_label).mean() - 0.5) < 0.02


def test_the_remaining_impressions_are_popular_categories() -> None:
    interests, popular = np.tile([[1, 2, 3]], (10_000, 1)), np.full(10_000, 9)
    kinds = draw_kinds(interests, popular, 0.3, np.random.default_rng(1))
    assert abs((kinds.category == 9).mean() - 0.7) < 0.019  # the standard deviation is 0.0046
    assert (draw_kinds(interests, popular, 0.0, np.random.default_rng(1)).category == 9).all()
