"""Which events become examples, and the negatives sampled for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from interestflow.transforms.examples.negatives import NegativeSampler, UserPositives
from interestflow.transforms.examples.shard_data import ShardData


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
    positives = np.flatnonzero(np.any([label > 0.0 for label in shard.labels.values()], axis=0))
    sampler = NegativeSampler.from_config(shard.config.negatives, shard.catalogue.counts)
    user, time, item = shard.user[positives], shard.time[positives], shard.own_item[positives]
    user_positives = UserPositives.from_events(user, item, time, len(shard.catalogue.items))
    samples = sampler.draw(shard.event_keys(positives), user, time, item, user_positives)
    items = np.concatenate([np.full((len(positives), 1), -1, np.int64), samples], axis=1)
    probability = np.where(items >= 0, sampler.probability[items], 1.0).astype(np.float32)
    is_present = np.concatenate([np.full((len(positives), 1), True), samples >= 0], axis=1)
    rows = ExampleRows(np.repeat(positives, items.shape[1]), items.ravel(), probability.ravel())
    return rows[is_present.ravel()]
