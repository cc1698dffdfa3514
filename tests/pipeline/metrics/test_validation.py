"""Metrics of the validation split, against numbers computed by hand."""

import math

import numpy as np
import pytest

from interestflow.pipeline.metrics.validation import ranking_metrics, retrieval_metrics


def test_examples_without_a_label_are_ignored_and_tasks_are_averaged() -> None:
    outputs = {
        "logits": {"click": np.array([1.0, -1.0, 2.0]), "like": np.array([1.0, 2.0, 9.0])},
        "labels": {"click": np.array([1.0, 0.0, 1.0]), "like": np.array([1.0, 0.0, 0.0])},
        "weights": {"click": np.ones(3), "like": np.array([1.0, 1.0, 0.0])},
    }
    metrics = ranking_metrics(outputs)
    assert metrics["auc_click"] == 1.0
    assert metrics["auc_like"] == 0.0
    assert metrics["auc"] == 0.5
    expected = (math.log1p(math.exp(-1)) + 2 + math.log1p(math.exp(-2))) / 2
    assert metrics["log_loss_like"] == pytest.approx(expected)


def test_retrieval_metrics_are_means_over_targets() -> None:
    metrics = retrieval_metrics(np.array([0.0, 2.0, 20.0, np.inf]))
    assert metrics["recall_10"] == 0.5
    assert metrics["recall_50"] == 0.75
    assert metrics["ndcg_10"] == pytest.approx((1.0 + 0.5) / 4)
    assert metrics["ndcg_50"] == pytest.approx((1.0 + 0.5 + 1 / math.log2(22)) / 4)


def test_without_targets_retrieval_metrics_are_undefined() -> None:
    metrics = retrieval_metrics(np.zeros(0))
    assert metrics.keys() == {"recall_10", "recall_50", "ndcg_10", "ndcg_50"}
    assert all(math.isnan(value) for value in metrics.values())
