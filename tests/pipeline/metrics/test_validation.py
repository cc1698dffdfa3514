"""Exact measures of a split, against numbers computed by hand."""

import math

import numpy as np
import pytest

from interestflow.pipeline.metrics.validation import log_loss, measures


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
