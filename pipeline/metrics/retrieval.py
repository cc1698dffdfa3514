"""Metrics of matchers, computed exactly with NumPy from the ranks of targets and from the retrieved lists.

A target is an item that a user interacted with next. Each target is a query of its own: it has its own list, in which
it is the only relevant item.
"""

from __future__ import annotations

import numpy as np

UNREACHABLE = np.iinfo(np.int64).max
"""Rank of a target that is not among the candidates and therefore cannot be retrieved."""
LISTS_AT_ONCE = 4096


def ranks_of_targets(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return how many candidates rank before each target, int64 `[R]`; half of those that tie with it count.

    Args:
        scores: Scores of all candidates, `[R, N]`; minus infinity where a candidate is not to be ranked.
        targets: Column of each row's target, or -1 for one that is not among the candidates, `[R]`.
    """
    target_scores = scores[np.arange(len(targets)), np.maximum(targets, 0)][:, None]
    above = np.count_nonzero(scores > target_scores, axis=1)
    tied = np.count_nonzero(scores == target_scores, axis=1) - 1
    is_ranked = (targets >= 0) & (target_scores[:, 0] > -np.inf)
    return np.where(is_ranked, above + tied // 2, UNREACHABLE)


def hits(ranks: np.ndarray, cutoff: int) -> np.ndarray:
    """Return 1 for each target among the first `cutoff`, 0 for others, float64 `[R]`.

    Args:
        ranks: Number of items ranked before each target, `[R]`.
        cutoff: Length of the list.
    """
    return (ranks < cutoff).astype(np.float64)


def gains(ranks: np.ndarray, cutoff: int) -> np.ndarray:
    """Return the discounted gain of each target, 0 beyond the first `cutoff`, float64 `[R]`; arguments as of `hits`.

    Järvelin and Kekäläinen (2002), with gains of 1 and the discount 1 / log2(rank + 2), rank counted from 0. A list has
    one target, so that the best possible gain is 1.
    """
    is_hit = ranks < cutoff
    return np.where(is_hit, 1.0 / np.log2(np.where(is_hit, ranks, 0) + 2.0), 0.0)


def recall(users: np.ndarray, ranks: np.ndarray, cutoff: int) -> float:
    """Return the mean over users of the share of their targets among the first `cutoff`; NaN without targets.

    Args:
        users: Integer id of each target's user, `[R]`.
        ranks: Number of items ranked before each target, `[R]`.
        cutoff: Length of the list.
    """
    return _mean_over_users(users, hits(ranks, cutoff))


def hit_rate(users: np.ndarray, ranks: np.ndarray, cutoff: int) -> float:
    """Return the share of users with any target among the first `cutoff`; arguments as of `recall`."""
    if len(users) == 0:
        return float("nan")
    _, user = np.unique(users, return_inverse=True)
    return float(np.mean(np.bincount(user, ranks < cutoff) > 0))


def ndcg(users: np.ndarray, ranks: np.ndarray, cutoff: int) -> float:
    """Return the mean over users of the mean of their targets' `gains`; arguments as of `recall`."""
    return _mean_over_users(users, gains(ranks, cutoff))


def top_lists(scores: np.ndarray, length: int) -> np.ndarray:
    """Return the columns of the `length` highest scores of each row, best first, int32 `[R, length]`.

    A list that has fewer candidates ends in -1. A score of minus infinity is never in a list.
    """
    lists = np.full((len(scores), length), -1, np.int32)
    width = min(length, scores.shape[1])
    best = np.argpartition(-scores, width - 1, axis=1)[:, :width]
    order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
    best = np.take_along_axis(best, order, 1)
    lists[:, :width] = np.where(np.take_along_axis(scores, best, 1) == -np.inf, -1, best)
    return lists


def coverage(lists: np.ndarray, candidates: int) -> float:
    """Return the share of the candidates that are in any list.

    Args:
        lists: Columns of the retrieved candidates, -1 for none, `[R, L]`.
        candidates: Number of candidates.
    """
    if len(lists) == 0 or candidates == 0:
        return float("nan")
    is_shown = np.zeros(candidates, bool)
    is_shown[lists[lists >= 0]] = True
    return float(is_shown.mean())


def novelty(lists: np.ndarray, counts: np.ndarray) -> float:
    """Return the mean over all retrieved items of `-log2` of the item's share of the training positives.

    Castells, Hurley and Vargas (Recommender Systems Handbook, 2015), the self-information of an item. Counts are
    smoothed by one, so that an item without training positives is novel, not infinitely so.

    Args:
        lists: Columns of the retrieved candidates, -1 for none, `[R, L]`.
        counts: Training positives of each candidate, `[N]`.
    """
    columns = lists[lists >= 0]
    if len(columns) == 0:
        return float("nan")
    shares = (counts + 1.0) / (counts.sum() + len(counts))
    return float(np.mean(-np.log2(shares)[columns]))


def diversity(lists: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return for each list the share of item pairs that differ in `values`, such as their category, float64 `[R]`.

    Intra-list distance (Ziegler et al., WWW 2005, section 3.3) with the distance 0 or 1. NaN for lists of one item.

    Args:
        lists: Columns of the retrieved candidates, -1 for none, `[R, L]`.
        values: Integer code of each candidate, `[N]`.
    """
    shares = np.full(len(lists), np.nan)
    for start in range(0, len(lists), LISTS_AT_ONCE):
        part = lists[start : start + LISTS_AT_ONCE]
        # Every empty position gets a code of its own, so that it forms no equal pair.
        codes = np.where(part >= 0, values[part], -1 - np.arange(part.shape[1]))
        equal = np.count_nonzero(codes[:, :, None] == codes[:, None, :], axis=(1, 2)) - part.shape[1]
        length = np.count_nonzero(part >= 0, axis=1)
        pairs = length * (length - 1)
        shares[start : start + len(part)] = np.where(pairs > 0, 1.0 - equal / np.maximum(pairs, 1), np.nan)
    return shares


def _mean_over_users(users: np.ndarray, values: np.ndarray) -> float:
    """Return the mean over users of the mean of each user's values; NaN without values."""
    if len(users) == 0:
        return float("nan")
    _, user = np.unique(users, return_inverse=True)
    return float(np.mean(np.bincount(user, values) / np.bincount(user)))
