"""Draws items that a user did not choose, for logs that hold only what was chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.config import NegativesConfig

DRAWS = 8
"""Attempts to avoid one of the user's own positives; a user who has taken nearly all items may keep one."""


@dataclass(frozen=True)
class NegativeSampler:
    """Draws from `items`, the training window's, with `probability` [M] each.

    A draw depends on the seed, the user, the event's number among the user's own and nothing else: neither on how
    the log is cut into shards nor on other users.
    """

    items: np.ndarray
    probability: np.ndarray
    seed: int

    @classmethod
    def of(cls, config: NegativesConfig, items: np.ndarray, counts: np.ndarray) -> NegativeSampler:
        """From the items of the training window and how often each is there."""
        weights = np.ones(len(items)) if config.distribution == "uniform" else counts.astype(np.float64)
        return cls(items, weights / weights.sum(), config.seed)

    def draw(self, user_hash: np.ndarray, ordinal: np.ndarray, taken: np.ndarray, item_count: int) -> np.ndarray:
        """Positions in `items`, int64 [N].

        Args:
            user_hash: uint64 [N], a digest of the user's id.
            ordinal: int64 [N], tells draws of one user apart.
            taken: int64, ascending: `user number * item_count + item position` of each user's positives; the user
                number is that of `user_number`.
            item_count: the number of items that positions refer to.
        """
        raise NotImplementedError
