"""From where each target stands among all items, and from the lists themselves, to figures.

A target is what a user took next, asked for on its own: it has a list of its own, of which it is all that counts.
"""

from __future__ import annotations

import numpy as np

CUTOFFS = (10, 20, 50)
"""Lengths of the lists that are looked at."""
UNREACHABLE = np.iinfo(np.int64).max
"""The rank of a target that is not among the candidates, and so is never found."""
LISTS_AT_ONCE = 4096


def ranks_of_targets(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """How many candidates stand before each target, int64 `[R]`; half of those that tie with it count.

    Args:
        scores: `[R, N]` of every candidate, minus infinity where it is not to be ranked.
        targets: column of each row's target, or -1 for one that is not among the candidates, `[R]`.
    """
    own = scores[np.arange(len(targets)), np.maximum(targets, 0)][:, None]
    above = np.count_nonzero(scores > own, axis=1)
    tied = np.count_nonzero(scores == own, axis=1) - 1
    is_ranked = (targets >= 0) & (own[:, 0] > -np.inf)
    return np.where(is_ranked, above + tied // 2, UNREACHABLE)


def recall(users: np.ndarray, ranks: np.ndarray, cutoff: int) -> float:
    """Mean over users of the share of their targets that are among the first `cutoff`; NaN without targets.

    Args:
        users: number of each target's user, `[R]`.
        ranks: how many items stand before each target, `[R]`.
        cutoff: length of the list.
    """
    return _mean_over_users(users, (ranks < cutoff).astype(np.float64))


def hit_rate(users: np.ndarray, ranks: np.ndarray, cutoff: int) -> float:
    """Share of the users that have any target among the first `cutoff`; arguments as of `recall`."""
    if len(users) == 0:
        return float("nan")
    _, user = np.unique(users, return_inverse=True)
    return float(np.mean(np.bincount(user, ranks < cutoff) > 0))


def ndcg(users: np.ndarray, ranks: np.ndarray, cutoff: int) -> float:
    """Mean over users of the mean discounted gain of their targets; arguments as of `recall`.

    Järvelin and Kekäläinen (2002), with gains of 1 and the discount 1 / log2(rank + 2), rank counted from 0. A list has
    one target, so that the best gain is 1.
    """
    found = ranks < cutoff
    return _mean_over_users(users, np.where(found, 1.0 / np.log2(np.where(found, ranks, 0) + 2.0), 0.0))


def _mean_over_users(users: np.ndarray, values: np.ndarray) -> float:
    if len(users) == 0:
        return float("nan")
    _, user = np.unique(users, return_inverse=True)
    return float(np.mean(np.bincount(user, values) / np.bincount(user)))


def top_lists(scores: np.ndarray, length: int) -> np.ndarray:
    """Columns of the `length` best of each row, best first, int32 `[R, length]`; -1 where there are fewer.

    What is minus infinity is never in a list.
    """
    lists = np.full((len(scores), length), -1, np.int32)
    kept = min(length, scores.shape[1])
    best = np.argpartition(-scores, kept - 1, axis=1)[:, :kept]
    order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
    best = np.take_along_axis(best, order, 1)
    lists[:, :kept] = np.where(np.take_along_axis(scores, best, 1) == -np.inf, -1, best)
    return lists


def coverage(lists: np.ndarray, candidates: int) -> float:
    """Share of the candidates that are in anyone's list `[R, L]`."""
    if len(lists) == 0 or candidates == 0:
        return float("nan")
    shown = np.zeros(candidates, bool)
    shown[lists[lists >= 0]] = True
    return float(shown.mean())


def novelty(lists: np.ndarray, counts: np.ndarray) -> float:
    """Mean over all places of all lists of `-log2` of the share of training positives that the item had.

    Castells, Hurley and Vargas (Recommender Systems Handbook, 2015), the self-information of an item. Counts are
    smoothed by one, so that an item that nobody took is novel, not infinite.

    Args:
        lists: `[R, L]`.
        counts: training positives of each candidate, `[N]`.
    """
    shown = lists[lists >= 0]
    if len(shown) == 0:
        return float("nan")
    shares = (counts + 1.0) / (counts.sum() + len(counts))
    return float(np.mean(-np.log2(shares)[shown]))


def diversity(lists: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Of each list the share of pairs whose items differ in `values`, such as their category; float64 `[R]`.

    Intra-list distance (Ziegler et al., WWW 2005, section 3.3) with the distance 0 or 1. NaN for lists of one item.

    Args:
        lists: `[R, L]`.
        values: whole numbers, one a candidate, `[N]`.
    """
    found = np.full(len(lists), np.nan)
    for start in range(0, len(lists), LISTS_AT_ONCE):
        part = lists[start : start + LISTS_AT_ONCE]
        # The empty places all differ from one another and from what is there, so that they make no equal pair.
        kinds = np.where(part >= 0, values[part], -1 - np.arange(part.shape[1]))
        equal = np.count_nonzero(kinds[:, :, None] == kinds[:, None, :], axis=(1, 2)) - part.shape[1]
        length = np.count_nonzero(part >= 0, axis=1)
        pairs = length * (length - 1)
        found[start : start + len(part)] = np.where(pairs > 0, 1.0 - equal / np.maximum(pairs, 1), np.nan)
    return found
