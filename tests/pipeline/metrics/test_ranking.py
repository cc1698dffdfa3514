"""Tests of the metrics of rankers, by hand and against the simplest computation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from interestflow.pipeline.metrics.ranking import (
    calibration,
    expected_calibration_error,
    grouped_auc,
    log_loss,
    log_loss_from_logits,
)


def plain_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the share of pairs in the right order, pair by pair."""
    pairs = [(p, n) for p in scores[labels == 1] for n in scores[labels == 0]]
    return sum(1.0 if p > n else 0.5 if p == n else 0.0 for p, n in pairs) / len(pairs)


def plain_gauc(labels: np.ndarray, scores: np.ndarray, users: np.ndarray) -> tuple[float, int, int]:
    total, weight, used, dropped = 0.0, 0, 0, 0
    for user in set(users.tolist()):
        is_user = users == user
        if len(set(labels[is_user].tolist())) < 2:
            dropped += 1
            continue
        total += int(is_user.sum()) * plain_auc(labels[is_user], scores[is_user])
        weight += int(is_user.sum())
        used += 1
    return total / weight, used, dropped


def test_gauc_weighs_users_by_their_impressions() -> None:
    # User 1: 0.9 over 0.1 is right, AUC 1 of 2 impressions. User 2: of the pairs (0.2, 0.6), (0.2, 0.2), (0.2, 0.1)
    # one is right and one is tied, AUC 1.5/3 of 4 impressions. User 3 has one label only and is dropped.
    users = np.array([1, 2, 2, 1, 3, 2, 2, 3])
    labels = np.array([1, 1, 0, 0, 0, 0, 0, 0])
    scores = np.array([0.9, 0.2, 0.6, 0.1, 0.5, 0.2, 0.1, 0.4])
    grouped = grouped_auc(labels, scores, users)
    assert grouped.value == pytest.approx((2 * 1.0 + 4 * 0.5) / 6)
    assert (grouped.users, grouped.dropped_users) == (2, 1)


@pytest.mark.parametrize("seed", range(5))
def test_gauc_is_that_of_the_plain_computation(seed: int) -> None:
    random = np.random.default_rng(seed)
    users = random.integers(0, 40, 400)
    labels = (random.random(400) < 0.2).astype(np.float32)
    scores = np.round(random.random(400), 1).astype(np.float32)  # one decimal, so that there are ties
    value, used, dropped = plain_gauc(labels, scores, users)
    grouped = grouped_auc(labels, scores, users)
    assert grouped.value == pytest.approx(value, abs=1e-12)
    assert (grouped.users, grouped.dropped_users) == (used, dropped)
    assert dropped > 0


def test_gauc_does_not_depend_on_order_or_on_a_monotone_change_within_a_user() -> None:
    random = np.random.default_rng(1)
    users, labels, scores = random.integers(0, 9, 200), random.integers(0, 2, 200), random.random(200)
    order = random.permutation(200)
    expected = grouped_auc(labels, scores, users)
    assert grouped_auc(labels[order], scores[order], users[order]) == expected
    assert grouped_auc(labels, scores**3 + users, users).value == pytest.approx(expected.value)


def test_gauc_is_undefined_where_no_user_has_both_labels() -> None:
    grouped = grouped_auc(np.array([1, 1, 0]), np.array([0.3, 0.2, 0.1]), np.array([5, 5, 6]))
    assert math.isnan(grouped.value)
    assert (grouped.users, grouped.dropped_users) == (0, 2)
    nothing = grouped_auc(np.zeros(0), np.zeros(0), np.zeros(0, np.int64))
    assert math.isnan(nothing.value)
    assert (nothing.users, nothing.dropped_users) == (0, 0)


def test_log_loss_by_hand() -> None:
    loss = log_loss(np.array([1.0, 0.0]), np.array([0.8, 0.4]))
    assert loss == pytest.approx((-math.log(0.8) - math.log(0.6)) / 2)


def test_a_certain_mistake_costs_what_the_clipping_allows() -> None:
    assert log_loss(np.array([1.0]), np.array([0.0])) == pytest.approx(-math.log(1e-7))
    assert log_loss(np.array([0.0]), np.array([1.0], np.float32)) == pytest.approx(-math.log(1e-7))


def test_ece_by_hand() -> None:
    # Bins of a quarter: [0.1, 0.2] with labels 0 and 1 are off by |0.15 - 0.5| = 0.35, half of all examples;
    # 0.75 opens the last bin and 1.0 closes it, mean 0.875 with labels 1 and 1: off by 0.125.
    labels, probabilities = np.array([0.0, 1.0, 1.0, 1.0]), np.array([0.1, 0.2, 0.75, 1.0])
    assert expected_calibration_error(labels, probabilities, bins=4) == pytest.approx((0.35 + 0.125) / 2)


def test_ece_of_the_default_is_over_twenty_bins() -> None:
    # 0.02 and 0.07 lie in different twentieths, so that their errors do not cancel; in tenths they would.
    labels, probabilities = np.array([0.0, 1.0]), np.array([0.02, 0.07])
    assert expected_calibration_error(labels, probabilities) == pytest.approx((0.02 + 0.93) / 2)
    assert expected_calibration_error(labels, probabilities, bins=10) == pytest.approx(0.91 / 2)


def test_calibration_by_hand() -> None:
    assert calibration(np.array([1.0, 0.0, 0.0, 1.0]), np.array([0.9, 0.3, 0.2, 0.6])) == pytest.approx(2.0 / 2)
    assert calibration(np.array([1.0, 0.0]), np.array([0.9, 0.6])) == pytest.approx(1.5)
    assert math.isnan(calibration(np.array([0.0, 0.0]), np.array([0.9, 0.6])))


def test_without_examples_every_figure_is_undefined() -> None:
    nothing = np.zeros(0, np.float32)
    assert math.isnan(log_loss(nothing, nothing))
    assert math.isnan(expected_calibration_error(nothing, nothing))
    assert math.isnan(calibration(nothing, nothing))


def test_log_loss_from_logits_by_hand_and_without_overflow() -> None:
    # sigmoid(0) = 1/2 costs ln 2 whatever the label; a certain and right answer costs nothing, a wrong one its logit.
    assert log_loss_from_logits(np.array([1.0, 0.0]), np.array([0.0, 0.0])) == pytest.approx(math.log(2))
    assert log_loss_from_logits(np.array([1.0, 0.0]), np.array([1000.0, -1000.0])) == 0.0
    assert log_loss_from_logits(np.array([0.0]), np.array([1000.0])) == 1000.0
