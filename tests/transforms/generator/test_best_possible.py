"""The best possible metrics, against numbers computed by hand and metrics of drawn labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from interestflow.transforms.generator.best_possible import best_possible


def test_two_events_by_hand() -> None:
    # Of one click and one other: the first is clicked 0.8 * 0.7 = 0.56 of the time, the second 0.2 * 0.3 = 0.06.
    best = best_possible(np.array([0.8, 0.3]))
    assert best.auc == pytest.approx(0.56 / 0.62)
    entropy = [-(p * math.log(p) + (1 - p) * math.log(1 - p)) for p in (0.8, 0.3)]
    assert best.log_loss == pytest.approx(sum(entropy) / 2)


def test_equal_probabilities_have_an_auc_of_one_half() -> None:
    best = best_possible(np.full(10, 0.25))
    assert best.auc == pytest.approx(0.5)
    assert best.log_loss == pytest.approx(-(0.25 * math.log(0.25) + 0.75 * math.log(0.75)))


def test_certain_events_have_no_loss() -> None:
    best = best_possible(np.array([1.0, 0.0, 0.0, 1.0]))
    assert (best.auc, best.log_loss) == (1.0, 0.0)


def test_without_both_outcomes_there_is_no_auc() -> None:
    assert math.isnan(best_possible(np.zeros(5)).auc)


@given(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), min_size=2, max_size=12))
def test_the_auc_is_that_of_all_pairs(probabilities: list[float]) -> None:
    p = np.array(probabilities)
    weight = np.outer(p, 1.0 - p)
    np.fill_diagonal(weight, 0.0)
    score = (p[:, None] > p[None, :]) + 0.5 * (p[:, None] == p[None, :])
    auc = best_possible(p).auc
    if weight.sum() < 1e-9:
        assert math.isnan(auc)
    else:
        assert auc == pytest.approx((weight * score).sum() / weight.sum())


def test_metrics_of_drawn_labels_are_close() -> None:
    random = np.random.default_rng(3)
    p = random.beta(0.5, 1.5, 100_000)
    label = random.random(len(p)) < p
    best = best_possible(p)
    # The standard error of an AUC of 0.85 is below 0.0015 here, and that of the log loss below 0.0015.
    assert roc_auc_score(label, p) == pytest.approx(best.auc, abs=0.006)
    assert log_loss(label, p) == pytest.approx(best.log_loss, abs=0.006)


@pytest.mark.parametrize(
    ("probability", "message"),
    [
        ([0.5], "at least 2 numbers"),
        ([[0.5, 0.5]], "at least 2"),
        ([0.5, 1.2], "between 0 and 1"),
        ([0.5, np.nan], "between 0 and 1"),
    ],
)
def test_invalid_probabilities_are_rejected(probability: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        best_possible(np.array(probability))
