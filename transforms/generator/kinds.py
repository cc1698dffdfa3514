"""Two kinds of impressions in a generated log, each with interests of its own, and two labels that ask for one each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

KINDS = ("feed", "search")
LABELS = ("click", "like")
"""A click asks for the interests of the first kind, a like for those of the second."""


class Kinds(NamedTuple):
    """int [N] each: the impression's kind, the category shown, and which label is observed."""

    kind: np.ndarray
    category: np.ndarray
    asked: np.ndarray


def shown_by_kind(interests: np.ndarray, popular: np.ndarray, share: float, random: np.random.Generator) -> Kinds:
    """Kinds and observed labels are drawn evenly and apart from each other.

    Args:
        interests: int [N, K], the categories that the user is interested in then, K at least 2: the first half of them
            for impressions of the first kind, the others for those of the second.
        popular: int [N], what is shown where it is not by interest.
        share: of impressions that are by interest.
        random: for all of it.
    """
    count, interest_count = len(interests), interests.shape[1]
    kind, asked = random.integers(0, 2, count), random.integers(0, 2, count)
    half = interest_count // 2
    sizes = np.array([half, interest_count - half])
    place = kind * half + (random.random(count) * sizes[kind]).astype(np.int64)
    by_interest = interests[np.arange(count), place]
    return Kinds(kind, np.where(random.random(count) < share, by_interest, popular), asked)


def fits_asked(interests: np.ndarray, kinds: Kinds) -> np.ndarray:
    """bool [N]: whether the category is among the interests that the observed label asks for."""
    half = interests.shape[1] // 2
    of_first = np.arange(interests.shape[1]) < half
    wanted = of_first[None] == (kinds.asked == 0)[:, None]
    return ((interests == kinds.category[:, None]) & wanted).any(axis=1)
