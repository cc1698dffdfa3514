"""What no model can beat on a log whose click probabilities are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BestPossible:
    """Expected AUC and log loss (nats) of a model that knows each event's true probability."""

    auc: float
    log_loss: float


def best_possible(probability: np.ndarray) -> BestPossible:
    """The expectation over labels drawn with these probabilities.

    The log loss is the mean entropy. The AUC is the chance that of two events, one drawn by its probability of a click
    and the other by its probability of none, the first has the higher probability; equals count half, and an event is
    not compared with itself. It differs from the AUC of one drawn sample by sampling error alone.

    Args:
        probability: [N], from 0 to 1.

    Raises:
        ValueError: a probability is outside 0 to 1 or missing, or there are fewer than two events.
    """
    probability = np.asarray(probability, dtype=np.float64)
    if probability.ndim != 1 or len(probability) < 2:
        raise ValueError(f"`probability` should be a list of at least 2 numbers, received shape {probability.shape}")
    if not ((probability >= 0.0) & (probability <= 1.0)).all():
        raise ValueError("`probability` should lie between 0 and 1 everywhere")
    return BestPossible(_expected_auc(probability), _mean_entropy(probability))


def _mean_entropy(probability: np.ndarray) -> float:
    certain = (probability == 0.0) | (probability == 1.0)
    p = np.where(certain, 0.5, probability)
    return float(np.where(certain, 0.0, -(p * np.log(p) + (1.0 - p) * np.log1p(-p))).mean())


def _expected_auc(probability: np.ndarray) -> float:
    value, count = np.unique(probability, return_counts=True)
    clicks, others = count * value, count * (1.0 - value)
    others_below = np.cumsum(others) - others
    itself = count * value * (1.0 - value)
    ordered = (clicks * others_below).sum() + 0.5 * (clicks * others - itself).sum()
    pairs = clicks.sum() * others.sum() - itself.sum()
    return float(ordered / pairs) if pairs > 0.0 else float("nan")
