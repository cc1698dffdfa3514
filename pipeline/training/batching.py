"""Batches of histories of similar length, which need less padding."""

from __future__ import annotations

import numpy as np

BATCHES_PER_WINDOW = 32
"""Batches whose examples are sorted by length together."""


def group_by_length(order: np.ndarray, lengths: np.ndarray, batch_size: int, random: np.random.Generator) -> np.ndarray:
    """Return `order` rearranged so that each batch of `batch_size` has histories of similar length.

    The examples of `BATCHES_PER_WINDOW` batches at a time are sorted by length, and the batches made of them are
    shuffled.

    Args:
        order: Row indices of examples in random order, `[count]`.
        lengths: Lengths of their histories, `[count]`.
        batch_size: Examples in a batch.
        random: Generator that shuffles the batches of a window.

    Returns:
        The same row indices. Those of a last batch that is not full stay last, as they are.
    """
    full = len(order) // batch_size * batch_size
    parts = []
    for begin in range(0, full, BATCHES_PER_WINDOW * batch_size):
        window = slice(begin, min(begin + BATCHES_PER_WINDOW * batch_size, full))
        batches = order[window][np.argsort(lengths[window], kind="stable")].reshape(-1, batch_size)
        parts.append(random.permutation(batches).ravel())
    return np.concatenate([*parts, order[full:]])
