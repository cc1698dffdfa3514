"""The area under the ROC curve of one list of scores, exactly."""

from __future__ import annotations

import numpy as np


def area_under_curve(labels: np.ndarray, scores: np.ndarray) -> float:
    """The share of (positive, negative) pairs in the right order, a tie counting one half.

    Args:
        labels: 0 or 1, `[N]`.
        scores: the higher the likelier, `[N]`.

    Returns:
        From 0 to 1; NaN where one of the labels does not occur. Mann and Whitney's rank form (1947).
    """
    positives = labels > 0.5
    count = int(positives.sum())
    others = len(labels) - count
    if count == 0 or others == 0:
        return float("nan")
    _, where, repeats = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(repeats)
    ranks = (last - (repeats - 1) / 2.0)[where]
    return float((ranks[positives].sum() - count * (count + 1) / 2.0) / (count * others))
