"""Effects of the order of a generated log's impressions, which a bag of behaviours does not show."""

from __future__ import annotations

import numpy as np


def is_among_last(user: np.ndarray, category: np.ndarray, steps: int) -> np.ndarray:
    """Return whether each category is one of the last `steps` that the user was shown before, bool [N].

    Args:
        user: int [N]; rows of one user are together, by time.
        category: int [N], the categories shown.
        steps: number of steps to look back, at least 1.
    """
    matches = np.zeros(len(user), bool)
    for step in range(1, steps + 1):
        matches[step:] |= (category[step:] == category[:-step]) & (user[step:] == user[:-step])
    return matches


def advance_categories(
    user: np.ndarray, category: np.ndarray, ring: np.ndarray, share: float, random: np.random.Generator
) -> np.ndarray:
    """Replace a share of the categories by the one that follows, on `ring`, the last one shown to the user; int [N].

    Args:
        user: int [N]; rows of one user are together, by time.
        category: int [N], the categories of all other impressions.
        ring: all categories once; the first follows the last.
        share: share of impressions; a user's first impression follows nothing.
        random: generator of the choice of impressions.
    """
    is_advanced = (random.random(len(user)) < share) & (np.diff(user, prepend=-1) == 0)
    row = np.arange(len(user))
    start = np.maximum.accumulate(np.where(is_advanced, 0, row))
    return ring[(np.argsort(ring)[category[start]] + row - start) % len(ring)]


def is_next(user: np.ndarray, category: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Return whether each category follows, on `ring`, the last one shown to the user, bool [N]."""
    position = np.argsort(ring)[category]
    follows = np.zeros(len(user), bool)
    follows[1:] = (user[1:] == user[:-1]) & (position[1:] == (position[:-1] + 1) % len(ring))
    return follows
