"""Queries of the test window with the rank of their target and the retrieved list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Pairs = tuple[np.ndarray, np.ndarray]
"""Rows and the slice value of each, as `Slice.pairs` returns them."""


@dataclass(frozen=True)
class RankedQueries:
    """R ranked queries over N candidates.

    Attributes:
        users: Integer id of each query's user, `[R]`.
        ranks: Number of candidates ranked before each target, `[R]`.
        lists: Columns of each query's best candidates, -1 where there are fewer, int32 `[R, L]`.
        repeated: Number of further positives whose item the user had interacted with before; they are no queries.
        slices: Rows and the value of each, by slice.
    """

    users: np.ndarray
    ranks: np.ndarray
    lists: np.ndarray
    repeated: int
    slices: dict[str, Pairs]

    @classmethod
    def concatenate(cls, parts: Sequence[RankedQueries]) -> RankedQueries:
        """Return the queries of several parts, which have no user in common."""
        first_users = np.cumsum([0, *(int(part.users.max(initial=-1)) + 1 for part in parts)])
        first_rows = np.cumsum([0, *(len(part.users) for part in parts)])
        slices: dict[str, Pairs] = {}
        for name in parts[0].slices if parts else ():
            pairs = [part.slices[name] for part in parts]
            slices[name] = (
                np.concatenate([rows + start for (rows, _), start in zip(pairs, first_rows, strict=False)]),
                np.concatenate([values for _, values in pairs]),
            )
        return cls(
            np.concatenate([part.users + start for part, start in zip(parts, first_users, strict=False)]),
            np.concatenate([part.ranks for part in parts]),
            np.concatenate([part.lists for part in parts]),
            sum(part.repeated for part in parts),
            slices,
        )
