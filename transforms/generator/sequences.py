"""What the order of a generated log's impressions says, for models that look at more than what is in a history."""

from __future__ import annotations

import numpy as np


def among_last(user: np.ndarray, category: np.ndarray, steps: int) -> np.ndarray:
    """bool [N]: whether the category is one of the last `steps` that the user was shown before.

    Args:
        user: int [N], rows of one user together and by time.
        category: int [N], shown.
        steps: at least 1.
    """
    found = np.zeros(len(user), bool)
    for step in range(1, steps + 1):
        found[step:] |= (category[step:] == category[:-step]) & (user[step:] == user[:-step])
    return found


def moved_on(
    user: np.ndarray, category: np.ndarray, ring: np.ndarray, share: float, random: np.random.Generator
) -> np.ndarray:
    """Categories [N] of which a share follows on `ring` the one that the user was shown just before.

    Args:
        user: int [N], rows of one user together and by time.
        category: int [N], what the others are.
        ring: all categories once; the last is followed by the first.
        share: of impressions; a user's first follows nothing.
        random: for which they are.
    """
    moves = (random.random(len(user)) < share) & (np.diff(user, prepend=-1) == 0)
    row = np.arange(len(user))
    begin = np.maximum.accumulate(np.where(moves, 0, row))
    return ring[(np.argsort(ring)[category[begin]] + row - begin) % len(ring)]


def is_next(user: np.ndarray, category: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """bool [N]: whether the category follows on `ring` the one that the user was shown just before."""
    place = np.argsort(ring)[category]
    found = np.zeros(len(user), bool)
    found[1:] = (user[1:] == user[:-1]) & (place[1:] == (place[:-1] + 1) % len(ring))
    return found
