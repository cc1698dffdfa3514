"""From labels and probabilities to figures, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CALIBRATION_BINS = 20
"""Of equal width, for the expected calibration error: 0.05 each, since click probabilities crowd near 0."""
SMALLEST_PROBABILITY = 1e-7
"""Probabilities are kept this far from 0 and 1 in the log loss; float32 tells nothing closer to 1 apart."""


@dataclass(frozen=True)
class GroupedAUC:
    """`value` is NaN where `users` is 0. `users` have both labels; `dropped_users` have one only."""

    value: float
    users: int
    dropped_users: int


def grouped_auc(labels: np.ndarray, scores: np.ndarray, users: np.ndarray) -> GroupedAUC:
    """Impression-weighted mean of each user's AUC, over the users that have both labels.

    Deep Interest Network (KDD 2018), section 6.1. Ties count one half.

    Args:
        labels: 0 or 1, `[N]`.
        scores: the higher the likelier, `[N]`.
        users: whole numbers that tell users apart, `[N]`.
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
    others = impressions - clicks
    both = (clicks > 0) & (others > 0)
    if not both.any():
        return GroupedAUC(float("nan"), 0, len(first))
    above = np.add.reduceat(np.where(positives, ranks, 0.0), first) - clicks * (clicks + 1) / 2.0
    by_user = above[both] / (clicks[both] * others[both])
    value = float(np.average(by_user, weights=impressions[both]))
    return GroupedAUC(value, int(both.sum()), int((~both).sum()))


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean cross-entropy in nats; probabilities are clipped by `SMALLEST_PROBABILITY`. NaN without examples."""
    if len(labels) == 0:
        return float("nan")
    clipped = np.clip(probabilities.astype(np.float64), SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)
    return float(-np.mean(np.where(labels > 0.5, np.log(clipped), np.log1p(-clipped))))


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Mean over examples of how far the mean label of a bin is from its mean probability. NaN without examples.

    Naeini et al. (AAAI 2015) and Guo et al. (ICML 2017), section 2, for the probability of the positive label.

    Args:
        labels: 0 or 1, `[N]`.
        probabilities: from 0 to 1, `[N]`.
        bins: of equal width, from 0 to 1; the last includes 1.
    """
    if len(labels) == 0:
        return float("nan")
    probabilities = probabilities.astype(np.float64)
    bin_of = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(bin_of, weights=probabilities - labels, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def calibration(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean probability over mean label: 1 is right, above 1 promises too much. NaN without positives."""
    positives = float(np.sum(labels, dtype=np.float64))
    return float(np.sum(probabilities, dtype=np.float64) / positives) if positives > 0.0 else float("nan")
