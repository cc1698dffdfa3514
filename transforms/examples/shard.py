"""Examples of a shard of users, as Arrow record batches that encode straight to `tf.Example`.

All work is on columns: an example is a row index, its history a range of row indices, and the values behind them are
gathered only when a batch is built, so that memory depends on the batch and not on the log.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa

from interestflow.transforms import feature_names
from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.examples.arrow import single_values, to_arrow
from interestflow.transforms.examples.catalogue_counts import CatalogueCounts
from interestflow.transforms.examples.continuation import NOTHING_EARLIER, Continuation
from interestflow.transforms.examples.entities import Entities
from interestflow.transforms.examples.example_columns import (
    attribute_columns,
    history_columns,
    history_negative_columns,
    id_columns,
    label_columns,
    slice_columns,
)
from interestflow.transforms.examples.example_rows import ExampleRows, select_examples
from interestflow.transforms.examples.shard_data import ShardData, build_shard_data
from interestflow.transforms.feature_names import ITEM
from interestflow.transforms.splits import SPLITS, Boundaries

BATCH = 16_384
"""Examples in a record batch: with histories of 50, about ten megabytes for each feature."""


class ShardExamples:
    """The examples of some users, all of whose events are here or, of the first user, in an earlier slice.

    Args:
        events: the events, as `sort_events` returns them.
        config: which examples to build.
        items: attributes of items.
        users: attributes of users.
        boundaries: where validation and test begin.
        catalogue: the items of the training window.
        earlier: what is known of the events of the last user of the slice before.
    """

    def __init__(
        self,
        events: pl.DataFrame,
        config: IngestionConfig,
        items: Entities,
        users: Entities,
        boundaries: Boundaries,
        catalogue: CatalogueCounts,
        earlier: Continuation | None = None,
    ) -> None:
        """Select the examples of each split; their columns are built with the batches."""
        self._config = config
        self._shard = build_shard_data(events, config, items, users, boundaries, catalogue, earlier)
        self._rows = select_examples(self._shard)
        split = self._shard.split[self._rows.event]
        self._rows_by_split = {name: self._rows[split == index] for index, name in enumerate(SPLITS)}
        self._item_ids = to_arrow(self._shard.events.get_column(ITEM))
        self._is_new_user = self._shard.is_new_user
        self._true_probabilities = self._shard.true_probabilities()
        self._event_keys = None
        if config.sequence.history_negatives:
            self._event_keys = self._shard.event_keys(np.arange(self._shard.events.height))

    def batches(self, split: str, size: int = BATCH) -> Iterator[pa.RecordBatch]:
        """Yield the examples of one split, ordered by user, then time."""
        rows = self._rows_by_split[split]
        for start in range(0, len(rows), size):
            yield self._batch(rows[start : start + size], is_training=split == "train")

    @property
    def data(self) -> ShardData:
        """The events as arrays."""
        return self._shard

    @property
    def user_count(self) -> int:
        """Number of users, without the one who was counted with an earlier slice."""
        return int(self._shard.user.max(initial=-1)) + 1 - (self._shard.earlier is not NOTHING_EARLIER)

    def example_count(self, split: str) -> int:
        """Return the number of the split's examples."""
        return len(self._rows_by_split[split])

    def sampled_count(self, split: str) -> int:
        """Return how many of the split's examples were sampled rather than logged."""
        return int(self._rows_by_split[split].is_sampled.sum())

    def positive_counts(self, split: str) -> dict[str, int]:
        """Return the number of the split's positive examples by task."""
        rows = self._rows_by_split[split]
        events = rows.event[~rows.is_sampled]
        return {task: int(label[events].sum()) for task, label in self._shard.labels.items()}

    @property
    def behaviour_counts(self) -> np.ndarray:
        """Behaviours in the history of each event, int64, also those cut off by the maximum length."""
        return self._shard.histories.count

    @property
    def behaviours_only(self) -> int:
        """Number of events that are not examples: without a label, or, if negatives are sampled, not positive."""
        return len(self._shard.time) - self._shard.first - int((~self._rows.is_sampled).sum())

    @property
    def negatives_not_found(self) -> int:
        """Number of negatives that could not be sampled, because the user has nearly every item as a positive."""
        if self._config.negatives.source == "impressions":
            return 0
        sampled = int(self._rows.is_sampled.sum())
        return (len(self._rows) - sampled) * self._config.negatives.per_positive - sampled

    def without_attributes(self) -> dict[str, int]:
        """Return, by `items` and `users`, how many events have an id that is not in the table, if there is one."""
        shard, counts = self._shard, {}
        events = slice(shard.first, len(shard.time))
        if self._config.data.items is not None:
            counts["items"] = int((shard.item_row[events] == len(shard.items.ids)).sum())
        if self._config.data.users is not None:
            counts["users"] = int((shard.user_row[events] == len(shard.users.ids)).sum())
        return counts

    @property
    def unreadable(self) -> dict[str, int]:
        """Number of cells that should be a number and are not, by attribute of events."""
        return self._shard.unreadable_numbers()

    def _batch(self, rows: ExampleRows, is_training: bool) -> pa.RecordBatch:
        """Build the columns of some examples."""
        columns = id_columns(self._shard, rows)
        columns |= history_columns(self._shard, rows.event, self._item_ids)
        if self._event_keys is not None:
            events = rows.event if is_training else rows.event[:0]
            columns |= history_negative_columns(self._shard, events, self._event_keys, len(rows))
        columns |= attribute_columns(self._shard, rows)
        columns |= label_columns(self._shard, rows)
        columns |= slice_columns(self._shard, rows, self._is_new_user)
        columns[feature_names.SAMPLING_PROBABILITY] = single_values(pa.array(rows.probability))
        if self._true_probabilities is not None:
            truth = self._true_probabilities[rows.event]
            columns[feature_names.TRUE_PROBABILITY] = single_values(pa.array(truth))
        return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
