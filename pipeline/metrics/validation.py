"""Metrics of the validation split during training, from the predictions of a model of either family."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from interestflow.pipeline.metrics.ranking import log_loss_from_logits
from interestflow.pipeline.metrics.retrieval import gains, hits
from interestflow.transforms.area_under_curve import area_under_curve

CUTOFFS = (10, 50)
"""List lengths at which matchers are validated; the evaluation of the test split has more."""


def ranking_metrics(outputs: Mapping[str, Mapping[str, ArrayLike]]) -> dict[str, float]:
    """Return `auc` and `log_loss` of a ranker.

    Args:
        outputs: `logits`, `labels` and `weights`, each `[N]` by task; examples of weight 0 are ignored.

    Returns:
        Metrics by name: means over tasks, and `auc_TASK` and `log_loss_TASK` where there are several tasks. A task
        where a metric is undefined is left out of the mean, which is NaN where no task is left.
    """
    by_task: dict[str, dict[str, float]] = {"auc": {}, "log_loss": {}}
    for task in outputs["logits"]:
        labelled = np.asarray(outputs["weights"][task]) > 0.0
        labels = np.asarray(outputs["labels"][task])[labelled]
        logits = np.asarray(outputs["logits"][task])[labelled]
        by_task["auc"][task] = area_under_curve(labels, logits)
        by_task["log_loss"][task] = log_loss_from_logits(labels, logits)
    metrics = {}
    for name, values in by_task.items():
        defined = [value for value in values.values() if not np.isnan(value)]
        metrics[name] = float(np.mean(defined)) if defined else float("nan")
        if len(values) > 1:
            metrics |= {f"{name}_{task}": value for task, value in values.items()}
    return metrics


def retrieval_metrics(ranks: np.ndarray) -> dict[str, float]:
    """Return `recall_N` and `ndcg_N` of a matcher for each N in `CUTOFFS`, as means over targets; NaN without targets.

    Args:
        ranks: Number of items ranked before each target, each target in a list of its own, `[R]`.
    """
    metrics = {}
    for cutoff in CUTOFFS:
        metrics[f"recall_{cutoff}"] = float(hits(ranks, cutoff).mean()) if len(ranks) else float("nan")
        metrics[f"ndcg_{cutoff}"] = float(gains(ranks, cutoff).mean()) if len(ranks) else float("nan")
    return metrics
