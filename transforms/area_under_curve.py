"""Exact area under the ROC curve."""

from __future__ import annotations

import numpy as np


def area_under_curve(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the share of (positive, negative) pairs in the right order, a tie counting one half.

    Args:
        labels: 0 or 1, `[N]`.
        scores: `[N]`; the higher a score, the more likely a positive.

    Returns:
        From 0 to 1; NaN if one of the labels does not occur. Mann and Whitney's rank form (1947).

    Example:
        >>> area_under_curve(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.9]))
        0.75
    """
    positives = labels > 0.5
    count = int(positives.sum())
    negative_count = len(labels) - count
    if count == 0 or negative_count == 0:
        return float("nan")
    _, value_index, repeats = np.unique(scores, return_inverse=True, return_counts=True)
    last_rank = np.cumsum(repeats)
    ranks = (last_rank - (repeats - 1) / 2.0)[value_index]
    return float((ranks[positives].sum() - count * (count + 1) / 2.0) / (count * negative_count))
