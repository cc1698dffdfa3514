"""From where each target stands in its user's ranking of all items, and from the lists themselves, to figures."""

from __future__ import annotations

import numpy as np

CUTOFFS = (10, 20, 50)
"""Lengths of the lists that are looked at."""
UNREACHABLE = np.iinfo(np.int64).max
"""The rank of a target that is not among the candidates, and so is never found."""


def ranks_of_targets(scores: np.ndarray, rows: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """How many candidates stand before each target, int64 `[R]`; half of those that tie with it count.

    Args:
        scores: `[U, N]` of every candidate for every user, minus infinity where it is not to be ranked.
        rows: of which user each target is, `[R]`.
        targets: column of each target, or -1 for one that is not among the candidates, `[R]`.
    """
    ranks = np.full(len(targets), UNREACHABLE, np.int64)
    known = np.flatnonzero(targets >= 0)
    own = scores[rows[known], targets[known]]
    for place, row, score in zip(known, rows[known], own, strict=True):
        if score == -np.inf:
            continue
        above, tied = np.count_nonzero(scores[row] > score), np.count_nonzero(scores[row] == score) - 1
        ranks[place] = above + tied // 2
    return ranks


def recall(users: np.ndarray, ranks: np.ndarray, cutoff: int) -> float:
    """Mean over users of the share of their targets among the first `cutoff`; NaN without targets.

    Args:
        users: number of each target's user, `[R]`.
        ranks: how many items stand before each target, `[R]`.
        cutoff: length of the list.
    """
    if len(users) == 0:
        return float("nan")
    _, user = np.unique(users, return_inverse=True)
    return float(np.mean(np.bincount(user, ranks < cutoff) / np.bincount(user)))


def hit_rate(users: np.ndarray, ranks: np.ndarray, cutoff: int) -> float:
    """Share of the users that have a target among the first `cutoff`; arguments as of `recall`."""
    if len(users) == 0:
        return float("nan")
    _, user = np.unique(users, return_inverse=True)
    return float(np.mean(np.bincount(user, ranks < cutoff) > 0))


def ndcg(users: np.ndarray, ranks: np.ndarray, cutoff: int) -> float:
    """Mean over users of the discounted gain of their targets over that of the best order; arguments as of `recall`.

    Järvelin and Kekäläinen (2002), with gains of 1 and the discount 1 / log2(rank + 2), rank counted from 0.
    """
    if len(users) == 0:
        return float("nan")
    _, user = np.unique(users, return_inverse=True)
    found = ranks < cutoff
    gains = np.where(found, 1.0 / np.log2(np.where(found, ranks, 0) + 2.0), 0.0)
    best = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(cutoff) + 2.0))])
    return float(np.mean(np.bincount(user, gains) / best[np.minimum(np.bincount(user), cutoff)]))


def top_lists(scores: np.ndarray, length: int) -> np.ndarray:
    """Columns of the `length` best of each row, best first, int64 `[U, length]`; -1 where there are fewer.

    What is minus infinity is never in a list.
    """
    length = min(length, scores.shape[1])
    best = np.argpartition(-scores, length - 1, axis=1)[:, :length]
    order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
    best = np.take_along_axis(best, order, 1).astype(np.int64)
    return np.where(np.take_along_axis(scores, best, 1) == -np.inf, -1, best)


def coverage(lists: np.ndarray, candidates: int) -> float:
    """Share of the candidates that are in anyone's list `[U, L]`."""
    if len(lists) == 0 or candidates == 0:
        return float("nan")
    return float(len(np.unique(lists[lists >= 0])) / candidates)


def novelty(lists: np.ndarray, counts: np.ndarray) -> float:
    """Mean over all places of all lists of `-log2` of the share of training positives that the item had.

    Castells, Hurley and Vargas (Recommender Systems Handbook, 2015), the self-information of an item. Counts are
    smoothed by one, so that an item that nobody took is novel, not infinite.

    Args:
        lists: `[U, L]`.
        counts: training positives of each candidate, `[N]`.
    """
    shown = lists[lists >= 0]
    if len(shown) == 0:
        return float("nan")
    shares = (counts + 1.0) / (counts.sum() + len(counts))
    return float(np.mean(-np.log2(shares[shown])))


def diversity(lists: np.ndarray, values: np.ndarray) -> float:
    """Mean over lists of the share of pairs whose items differ in `values`, such as their category.

    Intra-list distance (Ziegler et al., WWW 2005, section 3.3) with the distance 0 or 1. Lists of one item have none.

    Args:
        lists: `[U, L]`.
        values: whole numbers, one a candidate, `[N]`.
    """
    found = []
    for each in lists:
        _, equal = np.unique(values[each[each >= 0]], return_counts=True)
        length = int(equal.sum())
        if length > 1:
            found.append(1.0 - float(np.sum(equal * (equal - 1))) / (length * (length - 1)))
    return float(np.mean(found)) if found else float("nan")
