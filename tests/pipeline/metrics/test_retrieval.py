"""Tests of the metrics of matchers on rankings of few items, computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interestflow.pipeline.metrics.retrieval import (
    UNREACHABLE,
    coverage,
    diversity,
    hit_rate,
    ndcg,
    novelty,
    ranks_of_targets,
    recall,
    top_lists,
)

USERS = np.array([7, 7, 7, 9])
RANKS = np.array([0, 3, UNREACHABLE, 12])
"""User 7 has three targets: first, fourth, and one that is no candidate; user 9 has one, at position 13."""


def test_a_rank_counts_items_before_and_half_of_the_ties() -> None:
    first, tied = [3.0, 1.0, 2.0, -np.inf], [1.0, 1.0, 1.0, 1.0]
    scores = np.array([first, first, first, first, tied, first])
    # Three others tie with the target of row 4: one of them (half, rounded down) counts as before it. Item 3 of the
    # other rows is excluded.
    expected = [0, 2, 1, UNREACHABLE, 1, UNREACHABLE]
    np.testing.assert_array_equal(ranks_of_targets(scores, np.array([0, 1, 2, -1, 2, 3])), expected)


def test_recall_and_hit_rate_are_means_over_users() -> None:
    assert recall(USERS, RANKS, 10) == pytest.approx((2 / 3 + 0) / 2)
    assert recall(USERS, RANKS, 20) == pytest.approx((2 / 3 + 1) / 2)
    assert hit_rate(USERS, RANKS, 10) == 0.5
    assert hit_rate(USERS, RANKS, 20) == 1.0


def test_ndcg_by_hand() -> None:
    """User 7: the mean of 1/log2 2, 1/log2 5 and 0; user 9: 1/log2 14."""
    assert ndcg(USERS, RANKS, 20) == pytest.approx(((1 + 1 / math.log2(5)) / 3 + 1 / math.log2(14)) / 2)
    assert ndcg(USERS, RANKS, 10) == pytest.approx(((1 + 1 / math.log2(5)) / 3 + 0) / 2)


def test_without_targets_there_is_no_figure() -> None:
    nothing = np.zeros(0, np.int64)
    for measure in (recall, hit_rate, ndcg):
        assert math.isnan(measure(nothing, nothing, 10))


def test_lists_are_the_best_first_and_leave_out_what_is_not_to_be_ranked() -> None:
    scores = np.array([[0.1, 0.9, 0.5, -np.inf], [-np.inf, -np.inf, -np.inf, 2.0]])
    np.testing.assert_array_equal(top_lists(scores, 3), [[1, 2, 0], [3, -1, -1]])
    np.testing.assert_array_equal(top_lists(scores[:, :2], 3), [[1, 0, -1], [-1, -1, -1]])


def test_coverage_counts_each_item_once() -> None:
    assert coverage(np.array([[0, 1], [1, -1]]), 8) == 0.25


def test_novelty_is_the_self_information_of_retrieved_items() -> None:
    """Shares with one added to each count: 4/8, 2/8, 1/8, 1/8, so 1, 2, 3 and 3 bits."""
    assert novelty(np.array([[0, 2], [1, -1]]), np.array([3.0, 1.0, 0.0, 0.0])) == pytest.approx((1 + 3 + 2) / 3)


def test_diversity_is_the_share_of_pairs_that_differ() -> None:
    """Categories a a b: of three pairs two differ; a b: the one pair differs; a list of one item has no pair."""
    values = np.array([0, 0, 1])
    shares = diversity(np.array([[0, 1, 2], [0, 2, -1], [1, -1, -1]]), values)
    np.testing.assert_allclose(shares, [2 / 3, 1.0, np.nan])


@given(st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_a_rank_is_the_position_in_the_list(candidates: int, seed: int) -> None:
    scores = np.random.default_rng(seed).permutation(candidates).astype(float)[None, :]
    ranked = top_lists(scores, candidates)[0]
    ranks = ranks_of_targets(np.repeat(scores, candidates, axis=0), np.arange(candidates))
    np.testing.assert_array_equal(ranks[ranked], np.arange(candidates))
