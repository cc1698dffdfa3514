"""Draws items that a user did not choose, for logs that hold only what was chosen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from interestflow.transforms.config import NegativesConfig

ATTEMPTS = 16
"""To avoid what the user had already chosen; a user who has taken nearly all items may be left without a negative."""
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Choices:
    """What each user has chosen, and since when.

    pair: int64 [P] ascending, `user number * number of items + position of the item`.
    since: int64 [P], the time of the user's first choice of it.
    """

    pair: np.ndarray
    since: np.ndarray

    @classmethod
    def of(cls, user: np.ndarray, position: np.ndarray, time: np.ndarray, item_count: int) -> Choices:
        """From the choices [N] of numbered users; an item at position -1 cannot be drawn and is left out."""
        drawable = position >= 0
        pair = user[drawable] * item_count + position[drawable]
        order = np.lexsort((time[drawable], pair))
        pair, since = pair[order], time[drawable][order]
        first = np.diff(pair, prepend=-1) != 0
        return cls(pair[first], since[first])

    def contain(self, pair: np.ndarray, time: np.ndarray) -> np.ndarray:
        """bool [N]: whether the user had chosen the item before this time."""
        if len(self.pair) == 0:
            return np.zeros(len(pair), bool)
        found = np.minimum(np.searchsorted(self.pair, pair), len(self.pair) - 1)
        return (self.pair[found] == pair) & (self.since[found] < time)


@dataclass(frozen=True)
class NegativeSampler:
    """Draws positions in a list of items, those of the training window, by `probability` [M].

    A draw depends on the seed, the event that it goes with and what its user chose before: neither on simultaneous or
    later events nor on other users, nor on how the log is cut into files and shards.
    """

    probability: np.ndarray
    per_positive: int
    seed: int

    @classmethod
    def of(cls, config: NegativesConfig, counts: np.ndarray) -> NegativeSampler:
        """`counts` [M]: how often each item is in the training window."""
        weights = np.ones(len(counts)) if config.distribution == "uniform" else counts.astype(np.float64)
        return cls(weights / weights.sum(), config.per_positive, config.seed)

    @classmethod
    def beside_behaviours(cls, seed: int, counts: np.ndarray) -> NegativeSampler:
        """One a behaviour, as often as the training window has it; `counts` as for `of`."""
        return cls(counts / max(counts.sum(), 1), 1, seed)

    def draw(
        self, event_key: np.ndarray, user: np.ndarray, time: np.ndarray, own: np.ndarray, choices: Choices
    ) -> np.ndarray:
        """Positions, int64 [N, per_positive]; -1 where all attempts met what the user had chosen.

        Args:
            event_key: uint64 [N], tells events apart: a digest of user, item and time.
            user: int64 [N], numbered as in `choices`.
            time: int64 [N], of the event. What the user chooses at that instant or later may be drawn: avoiding it
                would tell the model what nobody knew.
            own: int64 [N], the position of the event's own item, -1 where it cannot be drawn.
            choices: of these users.
        """
        cumulative = np.cumsum(self.probability)
        drawn = np.full((len(event_key), self.per_positive), -1, np.int64)
        for place in range(self.per_positive):
            for attempt in range(ATTEMPTS):
                open_rows = np.flatnonzero(drawn[:, place] < 0)
                if len(open_rows) == 0:
                    break
                number = np.uint64((self.seed * self.per_positive + place) * ATTEMPTS + attempt + 1)
                aim = _uniform(event_key[open_rows], number) * cumulative[-1]
                position = np.minimum(np.searchsorted(cumulative, aim, side="right"), len(cumulative) - 1)
                taken = choices.contain(user[open_rows] * len(cumulative) + position, time[open_rows])
                taken |= position == own[open_rows]
                taken |= (drawn[open_rows, :place] == position[:, None]).any(axis=1)
                drawn[open_rows[~taken], place] = position[~taken]
        return drawn


def digests(texts: Sequence[str]) -> np.ndarray:
    """uint64 [N], the same on every machine and in every version of every library."""
    found = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts]
    return np.frombuffer(b"".join(found), dtype="<u8").astype(np.uint64)


def mixed(*keys: np.ndarray) -> np.ndarray:
    """uint64 [N] from several [N]: one number that depends on all of them and on their order."""
    result = np.zeros(len(keys[0]), np.uint64)
    for key in keys:
        result = _scrambled(result * np.uint64(31) + key.astype(np.uint64))
    return result


def _uniform(key: np.ndarray, number: np.uint64) -> np.ndarray:
    """float64 [N] in [0, 1): the `number`-th of the sequence that begins with `key`."""
    with np.errstate(over="ignore"):
        return (_scrambled(key + number * GOLDEN) >> np.uint64(11)) * 2.0**-53


def _scrambled(key: np.ndarray) -> np.ndarray:
    """SplitMix64's output function (Steele, Lea, Flood 2014)."""
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))
