"""Exact areas under the curve, against numbers computed by hand and the count over all pairs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interestflow.transforms.area_under_curve import area_under_curve


def test_area_under_curve_by_hand() -> None:
    # Pairs (positive, negative): 3>1, 3>2, 2>1 are right, 2=2 counts half: 3.5 of 4.
    assert area_under_curve(np.array([True, True, False, False]), np.array([3.0, 2.0, 1.0, 2.0])) == 0.875
    assert np.isnan(area_under_curve(np.array([True, True]), np.array([1.0, 2.0])))


def test_auc_counts_pairs_in_the_right_order() -> None:
    # Pairs (positive, negative): (0.9, 0.1) and (0.9, 0.4) and (0.35, 0.1) are right, (0.35, 0.4) is wrong.
    assert area_under_curve(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.9])) == 0.75


def test_auc_counts_a_tie_as_one_half() -> None:
    assert area_under_curve(np.array([0, 1, 1]), np.array([0.5, 0.5, 0.7])) == 0.75


def test_auc_is_undefined_for_one_class() -> None:
    assert math.isnan(area_under_curve(np.array([1, 1]), np.array([0.5, 0.2])))


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=30))
def test_auc_equals_the_count_over_all_pairs(rows: list[tuple[bool, int]]) -> None:
    labels = np.array([label for label, _ in rows], dtype=float)
    scores = np.array([score for _, score in rows], dtype=float)
    pairs = [(p > n) + 0.5 * (p == n) for p in scores[labels == 1] for n in scores[labels == 0]]
    if pairs:
        assert area_under_curve(labels, scores) == pytest.approx(np.mean(pairs))
    else:
        assert math.isnan(area_under_curve(labels, scores))
