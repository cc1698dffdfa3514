"""Sampling of items for which a user has no positive event, for logs that hold only positive events."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from interestflow.transforms.config import NegativesConfig

ATTEMPTS = 16
"""Attempts to sample an item without an earlier positive event of the user; one who has nearly all items may get no
negative."""
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class UserPositives:
    """Items for which each user has a positive event, and the time of the first one.

    Attributes:
        pair: int64 [P] ascending, `user index * number of items + item index`.
        since: int64 [P], the time of the user's first positive event of the item.
    """

    pair: np.ndarray
    since: np.ndarray

    @classmethod
    def from_events(cls, user: np.ndarray, item: np.ndarray, time: np.ndarray, item_count: int) -> UserPositives:
        """Return the first positives of each user and item.

        Args:
            user: int64 [N], index of the user of each positive event.
            item: int64 [N], index of its item; an event of item -1, which cannot be sampled, is left out.
            time: int64 [N], time of the event.
            item_count: number of items that can be sampled.
        """
        can_be_sampled = item >= 0
        pair = user[can_be_sampled] * item_count + item[can_be_sampled]
        order = np.lexsort((time[can_be_sampled], pair))
        pair, since = pair[order], time[can_be_sampled][order]
        is_first = np.diff(pair, prepend=-1) != 0
        return cls(pair[is_first], since[is_first])

    def of_user(self, user: int, item_count: int) -> UserPositives:
        """Return the positives of one user, whose index becomes 0."""
        part = slice(*np.searchsorted(self.pair, (user * item_count, (user + 1) * item_count)))
        return UserPositives(self.pair[part] - user * item_count, self.since[part])

    def contains(self, pair: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return whether each pair has a positive event before this time, bool [N]."""
        if len(self.pair) == 0:
            return np.zeros(len(pair), bool)
        index = np.minimum(np.searchsorted(self.pair, pair), len(self.pair) - 1)
        return (self.pair[index] == pair) & (self.since[index] < time)


NO_POSITIVES = UserPositives(np.zeros(0, np.int64), np.zeros(0, np.int64))


@dataclass(frozen=True)
class NegativeSampler:
    """Sampler of items of the training window.

    A sample depends on the seed, its event and the earlier positives of the event's user: not on simultaneous or later
    events, not on other users, and not on how the log is cut into files and shards.

    Attributes:
        probability: [M], the probability of each item.
        per_positive: samples for each event.
        seed: seed of all samples.
    """

    probability: np.ndarray
    per_positive: int
    seed: int

    @classmethod
    def from_config(cls, config: NegativesConfig, counts: np.ndarray) -> NegativeSampler:
        """Return the configured sampler, given the number of training events of each item, [M]."""
        weights = np.ones(len(counts)) if config.distribution == "uniform" else counts.astype(np.float64)
        return cls(weights / weights.sum(), config.per_positive, config.seed)

    @classmethod
    def for_behaviours(cls, seed: int, counts: np.ndarray) -> NegativeSampler:
        """Return a sampler of one negative per behaviour, proportional to item frequency in the training window."""
        return cls(counts / max(counts.sum(), 1), 1, seed)

    def draw(
        self,
        event_key: np.ndarray,
        user: np.ndarray,
        time: np.ndarray,
        own_item: np.ndarray,
        positives: UserPositives,
    ) -> np.ndarray:
        """Sample negatives for N events.

        Args:
            event_key: uint64 [N], identifies each event: a hash of user, item and time.
            user: int64 [N], user index as in `positives`.
            time: int64 [N], time of each event. An item that the user has a positive event of at that instant or later
                may be sampled: avoiding it would tell the model what nobody knew.
            own_item: int64 [N], index of the event's own item, -1 if it cannot be sampled.
            positives: the positives of these users.

        Returns:
            Item indices, int64 [N, per_positive]; -1 where all attempts hit an item that must be avoided.
        """
        cumulative = np.cumsum(self.probability)
        samples = np.full((len(event_key), self.per_positive), -1, np.int64)
        for column in range(self.per_positive):
            for attempt in range(ATTEMPTS):
                rows = np.flatnonzero(samples[:, column] < 0)
                if len(rows) == 0:
                    break
                draw_index = np.uint64((self.seed * self.per_positive + column) * ATTEMPTS + attempt + 1)
                target = _uniform_numbers(event_key[rows], draw_index) * cumulative[-1]
                item = np.minimum(np.searchsorted(cumulative, target, side="right"), len(cumulative) - 1)
                is_rejected = positives.contains(user[rows] * len(cumulative) + item, time[rows])
                is_rejected |= item == own_item[rows]
                is_rejected |= (samples[rows, :column] == item[:, None]).any(axis=1)
                samples[rows[~is_rejected], column] = item[~is_rejected]
        return samples


def hash_texts(texts: Sequence[str]) -> np.ndarray:
    """Return a hash of each text, uint64 [N], the same on every machine and in every version of every library."""
    digests = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def combine_hashes(*keys: np.ndarray) -> np.ndarray:
    """Combine several hashes, uint64 [N] each, into one that depends on all of them and on their order."""
    combined = np.zeros(len(keys[0]), np.uint64)
    for key in keys:
        combined = _splitmix64(combined * np.uint64(31) + key.astype(np.uint64))
    return combined


def _uniform_numbers(key: np.ndarray, index: np.uint64) -> np.ndarray:
    """Return float64 [N] in [0, 1): the `index`-th of the pseudo-random sequence that each key starts."""
    with np.errstate(over="ignore"):
        return (_splitmix64(key + index * GOLDEN) >> np.uint64(11)) * 2.0**-53


def _splitmix64(key: np.ndarray) -> np.ndarray:
    """Apply SplitMix64's output function (Steele, Lea, Flood 2014)."""
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))
