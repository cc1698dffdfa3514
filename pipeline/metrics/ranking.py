"""Metrics of rankers, computed exactly from labels and scores with NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CALIBRATION_BINS = 20
"""Bins of equal width in the expected calibration error: 0.05 each, since click probabilities crowd near 0."""
SMALLEST_PROBABILITY = 1e-7
"""Distance from 0 and 1 to which the log loss clips probabilities; float32 cannot distinguish values closer to 1."""


@dataclass(frozen=True)
class GroupedAUC:
    """Grouped AUC and the number of users that it is computed from.

    Attributes:
        value: Mean of the users' AUCs; NaN where `users` is 0.
        users: Users with both labels.
        dropped_users: Users with one label only, whose AUC is undefined.
    """

    value: float
    users: int
    dropped_users: int


def grouped_auc(labels: np.ndarray, scores: np.ndarray, users: np.ndarray) -> GroupedAUC:
    """Return the impression-weighted mean of the users' AUCs, over the users that have both labels.

    Deep Interest Network (KDD 2018), section 6.1. Ties count one half.

    Args:
        labels: 0 or 1, `[N]`.
        scores: Scores, higher for likelier positives, `[N]`.
        users: Integer id of each example's user, `[N]`.

    Example:
        >>> grouped_auc(np.array([1, 0, 1]), np.array([0.9, 0.1, 0.5]), np.array([1, 1, 2]))
        GroupedAUC(value=1.0, users=1, dropped_users=1)
    """
    if len(labels) == 0:
        return GroupedAUC(float("nan"), 0, 0)
    order = np.lexsort((scores, users))
    positives, scores, users = labels[order] > 0.5, scores[order], users[order]
    new_user = np.append(True, users[1:] != users[:-1])
    new_score = new_user | np.append(True, scores[1:] != scores[:-1])
    first = np.flatnonzero(new_user)
    impressions = np.diff(np.append(first, len(users)))
    ties = np.flatnonzero(new_score)
    tied = np.diff(np.append(ties, len(users)))
    # Ranks count from 1 within each user; equal scores share the mean of their ranks.
    ranks = np.repeat(ties + (tied + 1) / 2.0, tied) - np.repeat(first, impressions)
    clicks = np.add.reduceat(positives.astype(np.int64), first)
    non_clicks = impressions - clicks
    both = (clicks > 0) & (non_clicks > 0)
    if not both.any():
        return GroupedAUC(float("nan"), 0, len(first))
    above = np.add.reduceat(np.where(positives, ranks, 0.0), first) - clicks * (clicks + 1) / 2.0
    by_user = above[both] / (clicks[both] * non_clicks[both])
    value = float(np.average(by_user, weights=impressions[both]))
    return GroupedAUC(value, int(both.sum()), int((~both).sum()))


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean cross-entropy in nats; NaN without examples.

    Args:
        labels: 0 or 1, `[N]`.
        probabilities: Probabilities of the label 1, `[N]`; clipped to `SMALLEST_PROBABILITY` from 0 and 1.
    """
    if len(labels) == 0:
        return float("nan")
    clipped = np.clip(probabilities.astype(np.float64), SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)
    return float(-np.mean(np.where(labels > 0.5, np.log(clipped), np.log1p(-clipped))))


def log_loss_from_logits(labels: np.ndarray, logits: np.ndarray) -> float:
    """Return the mean sigmoid cross-entropy in nats; NaN without examples.

    Computed from logits, so that it is exact for any certainty, where `log_loss` has to clip probabilities.

    Args:
        labels: 0 or 1, `[N]`.
        logits: Logits of the label 1, `[N]`.
    """
    if len(labels) == 0:
        return float("nan")
    logits = logits.astype(np.float64)
    return float(np.mean(np.maximum(logits, 0.0) - logits * labels + np.log1p(np.exp(-np.abs(logits)))))


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Return the mean over examples of the gap between mean label and mean probability in their bin.

    Naeini et al. (AAAI 2015) and Guo et al. (ICML 2017), section 2, for the probability of the positive label.

    Args:
        labels: 0 or 1, `[N]`.
        probabilities: Probabilities of the label 1, `[N]`.
        bins: Number of bins of equal width from 0 to 1; the last includes 1.

    Returns:
        The error, from 0 to 1; NaN without examples.
    """
    if len(labels) == 0:
        return float("nan")
    probabilities = probabilities.astype(np.float64)
    bin_of = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(bin_of, weights=probabilities - labels, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def calibration(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return mean probability divided by mean label; NaN without positives.

    1 is calibrated; a model above 1 overestimates.

    Args:
        labels: 0 or 1, `[N]`.
        probabilities: Probabilities of the label 1, `[N]`.
    """
    positives = float(np.sum(labels, dtype=np.float64))
    return float(np.sum(probabilities, dtype=np.float64) / positives) if positives > 0.0 else float("nan")
