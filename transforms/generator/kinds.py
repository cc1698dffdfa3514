"""Two kinds of impressions in a generated log, with separate interests, and two labels that depend on one kind each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

KINDS = ("feed", "search")
LABELS = ("click", "like")
"""A click depends on the interests of the first kind, a like on those of the second."""


class Kinds(NamedTuple):
    """Kinds of N impressions.

    Attributes:
        kind: int [N], position in `KINDS`.
        category: int [N], the category shown.
        observed_label: int [N], position in `LABELS` of the label that is observed.
    """

    kind: np.ndarray
    category: np.ndarray
    observed_label: np.ndarray


def draw_kinds(interests: np.ndarray, popular: np.ndarray, share: float, random: np.random.Generator) -> Kinds:
    """Draw the kind, category and observed label of impressions; kinds and labels are even and independent.

    Args:
        interests: int [N, K], the user's interests at that time, K at least 2: impressions of the first kind show the
            first half of them, those of the second kind the others.
        popular: int [N], the categories shown where the interest is not.
        share: share of impressions that show an interest.
        random: generator of all draws.
    """
    count, interest_count = len(interests), interests.shape[1]
    kind, observed_label = random.integers(0, 2, count), random.integers(0, 2, count)
    half = interest_count // 2
    sizes = np.array([half, interest_count - half])
    position = kind * half + (random.random(count) * sizes[kind]).astype(np.int64)
    by_interest = interests[np.arange(count), position]
    category = np.where(random.random(count) < share, by_interest, popular)
    return Kinds(kind, category, observed_label)


def matches_label(interests: np.ndarray, kinds: Kinds) -> np.ndarray:
    """Return whether each category is among the interests that the observed label depends on, bool [N]."""
    half = interests.shape[1] // 2
    is_first_kind = np.arange(interests.shape[1]) < half
    is_relevant = is_first_kind[None] == (kinds.observed_label == 0)[:, None]
    return ((interests == kinds.category[:, None]) & is_relevant).any(axis=1)
