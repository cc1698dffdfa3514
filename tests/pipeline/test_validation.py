"""Exact measures of a split, against numbers computed by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.validation import auc, log_loss, measures


def test_auc_counts_pairs_in_the_right_order() -> None:
    # Pairs (positive, negative): (0.9, 0.1) and (0.9, 0.4) and (0.35, 0.1) are right, (0.35, 0.4) is wrong.
    assert auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.9])) == 0.75


def test_auc_counts_a_tie_as_one_half() -> None:
    assert auc(np.array([0, 1, 1]), np.array([0.5, 0.5, 0.7])) == 0.75


def test_auc_is_undefined_for_one_class() -> None:
    assert math.isnan(auc(np.array([1, 1]), np.array([0.5, 0.2])))


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=30))
def test_auc_equals_the_count_over_all_pairs(rows: list[tuple[bool, int]]) -> None:
    labels = np.array([label for label, _ in rows], dtype=float)
    scores = np.array([score for _, score in rows], dtype=float)
    pairs = [(p > n) + 0.5 * (p == n) for p in scores[labels == 1] for n in scores[labels == 0]]
    if pairs:
        assert auc(labels, scores) == pytest.approx(np.mean(pairs))
    else:
        assert math.isnan(auc(labels, scores))


def test_log_loss_by_hand_and_without_overflow() -> None:
    # sigmoid(0) = 1/2 costs ln 2 whatever the label; a certain and right answer costs nothing, a wrong one its logit.
    assert log_loss(np.array([1.0, 0.0]), np.array([0.0, 0.0])) == pytest.approx(math.log(2))
    assert log_loss(np.array([1.0, 0.0]), np.array([1000.0, -1000.0])) == 0.0
    assert log_loss(np.array([0.0]), np.array([1000.0])) == 1000.0


def test_measures_leave_out_examples_without_a_label_and_average_over_tasks() -> None:
    outputs = {
        "logits": {"click": np.array([1.0, -1.0, 2.0]), "like": np.array([1.0, 2.0, 9.0])},
        "labels": {"click": np.array([1.0, 0.0, 1.0]), "like": np.array([1.0, 0.0, 0.0])},
        "weights": {"click": np.ones(3), "like": np.array([1.0, 1.0, 0.0])},
    }
    found = measures(outputs)
    assert found["auc_click"] == 1.0
    assert found["auc_like"] == 0.0
    assert found["auc"] == 0.5
    expected = (math.log1p(math.exp(-1)) + 2 + math.log1p(math.exp(-2))) / 2
    assert found["log_loss_like"] == pytest.approx(expected)
