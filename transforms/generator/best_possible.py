"""Best metrics that any model can reach on a log whose click probabilities are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BestPossible:
    """Expected AUC and log loss (in nats) of a model that knows each event's true probability."""

    auc: float
    log_loss: float


def best_possible(probability: np.ndarray) -> BestPossible:
    """Return the expected metrics over labels drawn with these probabilities.

    The log loss is the mean entropy. The AUC is the chance that of two events, one drawn by its probability of a click
    and the other by its probability of no click, the first has the higher probability; equal ones count half, and an
    event is not compared with itself. It differs from the AUC of one drawn sample by sampling error only.

    Args:
        probability: [N], from 0 to 1.

    Raises:
        ValueError: if a probability is missing or not between 0 and 1, or there are fewer than two events.

    Example:
        >>> round(best_possible(np.array([0.8, 0.3])).auc, 3)
        0.903
    """
    probability = np.asarray(probability, dtype=np.float64)
    if probability.ndim != 1 or len(probability) < 2:
        raise ValueError(f"`probability` should be a list of at least 2 numbers, received shape {probability.shape}")
    if not ((probability >= 0.0) & (probability <= 1.0)).all():
        raise ValueError("`probability` should lie between 0 and 1 everywhere")
    return BestPossible(_expected_auc(probability), _mean_entropy(probability))


def _mean_entropy(probability: np.ndarray) -> float:
    """Return the mean entropy of the labels, in nats."""
    is_certain = (probability == 0.0) | (probability == 1.0)
    p = np.where(is_certain, 0.5, probability)
    return float(np.where(is_certain, 0.0, -(p * np.log(p) + (1.0 - p) * np.log1p(-p))).mean())


def _expected_auc(probability: np.ndarray) -> float:
    """Return the expected AUC; NaN if one of the labels cannot occur together with the other."""
    value, count = np.unique(probability, return_counts=True)
    positives, negatives = count * value, count * (1.0 - value)
    negatives_below = np.cumsum(negatives) - negatives
    self_pairs = count * value * (1.0 - value)
    ordered = (positives * negatives_below).sum() + 0.5 * (positives * negatives - self_pairs).sum()
    pairs = positives.sum() * negatives.sum() - self_pairs.sum()
    return float(ordered / pairs) if pairs > 0.0 else float("nan")
