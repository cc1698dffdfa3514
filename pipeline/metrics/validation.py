"""How well a model does on a split: exact figures in NumPy, the same whatever the number of replicas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from interestflow.transforms.area_under_curve import area_under_curve


def log_loss(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean sigmoid cross-entropy in nats, computed from logits `[N]` so that no certainty overflows."""
    if len(labels) == 0:
        return float("nan")
    logits = logits.astype(np.float64)
    return float(np.mean(np.maximum(logits, 0.0) - logits * labels + np.log1p(np.exp(-np.abs(logits)))))


def measures(outputs: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """`auc` and `log_loss` as means over tasks, and by task as `auc_TASK`, `log_loss_TASK` where there are several.

    Args:
        outputs: `logits`, `labels` and `weights`, each `[N]` by task; examples of weight 0 are left out.

    Returns:
        Measure by name. A task where a measure is undefined is left out of the mean, which is NaN where none is left.
    """
    by_task: dict[str, dict[str, float]] = {"auc": {}, "log_loss": {}}
    for task in outputs["logits"]:
        labelled = np.asarray(outputs["weights"][task]) > 0.0
        labels = np.asarray(outputs["labels"][task])[labelled]
        logits = np.asarray(outputs["logits"][task])[labelled]
        by_task["auc"][task] = area_under_curve(labels, logits)
        by_task["log_loss"][task] = log_loss(labels, logits)
    result = {}
    for measure, values in by_task.items():
        defined = [value for value in values.values() if not np.isnan(value)]
        result[measure] = float(np.mean(defined)) if defined else float("nan")
        if len(values) > 1:
            result |= {f"{measure}_{task}": value for task, value in values.items()}
    return result
