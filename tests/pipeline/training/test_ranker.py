"""Rankers in training: the loss over labelled examples alone, and validation on the whole split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from interestflow.pipeline.metrics.validation import ranking_metrics
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.ranker import RankerTraining
from tests.pipeline.support import training_examples


def test_what_has_no_label_does_not_count() -> None:
    """Two labelled examples of loss ln(1 + e^-1) and ln(1 + e^2), one unlabelled: the mean over the two."""
    model = RankerTraining(training_examples.SmallRanker())
    logits = {"like": tf.constant([1.0, 2.0, 50.0])}
    labels = {"like": tf.constant([1.0, 0.0, 0.0])}
    weights = {"like": tf.constant([1.0, 1.0, 0.0])}
    loss = model.compute_loss({}, y=labels, y_pred=logits, sample_weight=weights)
    assert float(loss) == pytest.approx((np.log1p(np.exp(-1.0)) + np.log1p(np.exp(2.0))) / 2, rel=1e-6)
    nothing = {"like": tf.zeros(3)}
    assert float(model.compute_loss({}, y=labels, y_pred=logits, sample_weight=nothing)) == 0.0


def test_validation_is_of_the_whole_split_whatever_the_batches(tmp_path: Path) -> None:
    rows = training_examples.make_rows(50)
    split = Split.read([training_examples.write(rows, tmp_path)], training_examples.INPUTS, 100)
    model = RankerTraining(training_examples.SmallRanker())
    model.compile()
    metrics = model.validate(split, 16)
    ((features, labels, weights),) = split.in_order(50)
    logits = {task: value.numpy() for task, value in model.model(features, training=False).items()}
    expected = ranking_metrics({"logits": logits, "labels": labels, "weights": weights})
    assert metrics == pytest.approx(expected, rel=1e-5)
    assert metrics.keys() == {"auc", "auc_click", "auc_like", "log_loss", "log_loss_click", "log_loss_like"}
