"""Which events become examples, and the negatives sampled for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from interestflow.transforms.examples.continuation import Continuation
from interestflow.transforms.examples.negatives import NO_POSITIVES, NegativeSampler, UserPositives
from interestflow.transforms.examples.shard_data import ShardData
from interestflow.transforms.feature_names import USER


@dataclass(frozen=True)
class ExampleRows:
    """Examples by row.

    Attributes:
        event: int64, row of the event that each example belongs to.
        sampled_item: int64, index in the catalogue of the item sampled as a negative; -1 for the event's own item.
        probability: float32, the probability with which that item was sampled; 1 for the event's own item.
    """

    event: np.ndarray
    sampled_item: np.ndarray
    probability: np.ndarray

    def __getitem__(self, part: slice | np.ndarray) -> ExampleRows:
        """Return some of the rows."""
        return ExampleRows(self.event[part], self.sampled_item[part], self.probability[part])

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.event)

    @property
    def is_sampled(self) -> np.ndarray:
        """Whether each example is a sampled negative, bool."""
        return self.sampled_item >= 0


def select_examples(shard: ShardData) -> ExampleRows:
    """Return the events that are examples, each followed by the negatives sampled for it.

    With `negatives.source: impressions` every event with a label for some task is an example; with `sampled`, every
    event that is positive for some task.
    """
    if shard.config.negatives.source == "impressions":
        labelled = np.flatnonzero(np.any([mask > 0.0 for mask in shard.masks.values()], axis=0))
        return ExampleRows(labelled, np.full(len(labelled), -1, np.int64), np.ones(len(labelled), np.float32))
    positives = _positive_events(shard)
    sampler = NegativeSampler.from_config(shard.config.negatives, shard.catalogue.counts)
    user, time, item = shard.user[positives], shard.time[positives], shard.own_item[positives]
    samples = sampler.draw(shard.event_keys(positives), user, time, item, _user_positives(shard, positives))
    items = np.concatenate([np.full((len(positives), 1), -1, np.int64), samples], axis=1)
    probability = np.where(items >= 0, sampler.probability[items], 1.0).astype(np.float32)
    is_present = np.concatenate([np.full((len(positives), 1), True), samples >= 0], axis=1)
    rows = ExampleRows(np.repeat(positives, items.shape[1]), items.ravel(), probability.ravel())
    return rows[is_present.ravel()]


def continue_user(shard: ShardData) -> Continuation:
    """Return what the later events of the last user of a slice need to know of the events in it."""
    user = shard.user[-1]
    is_last_user = shard.user == user
    behaviours = shard.histories.behaviours[is_last_user[shard.histories.behaviours]]
    delay = round(shard.config.sequence.availability_delay * 1_000_000)
    # Later events are later than the last one here, by a microsecond at least.
    available = int(np.searchsorted(shard.time[behaviours] + delay, shard.time[-1] + 1))
    dropped = max(0, available - shard.config.sequence.max_length)
    is_same_user = user == 0
    positives = NO_POSITIVES
    if shard.config.negatives.source == "sampled":
        events = _positive_events(shard)
        positives = _user_positives(shard, events[is_last_user[events]]).of_user(int(user), len(shard.catalogue.items))
    return Continuation(
        user=str(shard.events.item(-1, USER)),
        events=shard.events[behaviours[dropped:]],
        behaviours_before=dropped + (shard.earlier.behaviours_before if is_same_user else 0),
        is_known=not shard.is_new_user[user],
        positives=positives,
    )


def _positive_events(shard: ShardData) -> np.ndarray:
    """Return the rows of the events that are positive for some task."""
    return np.flatnonzero(np.any([label > 0.0 for label in shard.labels.values()], axis=0))


def _user_positives(shard: ShardData, events: np.ndarray) -> UserPositives:
    """Return the first positives of each user and item, of these events and of the earlier ones."""
    earlier = shard.earlier.positives  # of the first user, whose index is 0: its pairs are its items
    return UserPositives.from_events(
        np.concatenate([np.zeros(len(earlier.pair), np.int64), shard.user[events]]),
        np.concatenate([earlier.pair, shard.own_item[events]]),
        np.concatenate([earlier.since, shard.time[events]]),
        len(shard.catalogue.items),
    )
