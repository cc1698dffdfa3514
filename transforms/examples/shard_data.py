"""Events of one shard of users as arrays, with everything that their examples are built from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.examples.attributes import AttributeValues, attribute_values, row_index
from interestflow.transforms.examples.catalogue_counts import CatalogueCounts
from interestflow.transforms.examples.continuation import NOTHING_EARLIER, Continuation
from interestflow.transforms.examples.entities import Entities
from interestflow.transforms.examples.histories import Histories, build_histories
from interestflow.transforms.examples.negatives import combine_hashes, hash_texts
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.reading.columns import frame_column
from interestflow.transforms.reading.conditions import is_selected
from interestflow.transforms.splits import Boundaries


@dataclass(frozen=True)
class ShardData:
    """The N events of some users, all of whose events are here, or earlier ones in `earlier`.

    Attributes:
        config: which examples to build.
        earlier: what is known of earlier events of the first user; its events are the first rows here.
        events: frame of the events, as `sort_events` returns it.
        items: attributes of items.
        users: attributes of users.
        catalogue: the M items of the training window.
        attributes: attributes of the events.
        user: int64 [N] ascending, index of each event's user.
        time: int64 [N], microseconds since 1970.
        split: int8 [N], position of the event's split in `SPLITS`.
        item: int64 [N], index of the event's item in the catalogue; M if it is not there.
        item_row: int64 [N + M], row in `items` of the events' items, then of the catalogue's.
        user_row: int64 [N], row in `users`.
        labels: by task, float32 [N], 0 where masked and for earlier events.
        masks: by task, float32 [N], 0 for earlier events.
        histories: the histories of the events.
    """

    config: IngestionConfig
    earlier: Continuation
    events: pl.DataFrame
    items: Entities
    users: Entities
    catalogue: CatalogueCounts
    attributes: AttributeValues
    user: np.ndarray
    time: np.ndarray
    split: np.ndarray
    item: np.ndarray
    item_row: np.ndarray
    user_row: np.ndarray
    labels: dict[str, np.ndarray]
    masks: dict[str, np.ndarray]
    histories: Histories

    @property
    def first(self) -> int:
        """Row of the first event that is not an earlier one."""
        return self.earlier.events.height

    @property
    def own_item(self) -> np.ndarray:
        """Index of each event's item in the catalogue, int64 [N]; -1 if it is not there and cannot be sampled."""
        return np.where(self.item == len(self.catalogue.items), -1, self.item)

    @property
    def is_new_user(self) -> np.ndarray:
        """Whether each user has no event in the training window; bool, by user index."""
        is_known = np.zeros(int(self.user.max(initial=-1)) + 1, bool)
        is_known[self.user[self.split == 0]] = True
        is_known[:1] |= self.earlier.is_known
        return ~is_known

    def event_keys(self, rows: np.ndarray) -> np.ndarray:
        """Return a hash of user, item and time of these events, uint64."""
        keys = []
        for name in (USER, ITEM):
            ids = self.events.get_column(name)
            distinct = ids.unique(maintain_order=True)
            keys.append(hash_texts(distinct.to_list())[row_index(ids.gather(rows), distinct)])
        return combine_hashes(*keys, self.time[rows])

    def unreadable_numbers(self) -> dict[str, int]:
        """Return, by attribute of events, the number of cells that should be a number and are not."""
        unreadable = self.attributes.unreadable
        if self.first:
            attributes = self.config.features.attributes_of("events")
            counted = attribute_values(self.earlier.events, attributes).unreadable
            unreadable = {name: count - counted.get(name, 0) for name, count in unreadable.items()}
        return {name: count for name, count in unreadable.items() if count}

    def true_probabilities(self) -> np.ndarray | None:
        """Return the true click probability of each event, float32, NaN if absent; None if the log has no column."""
        column = self.config.data.events.true_probability
        if column is None:
            return None
        truth = self.events.get_column(frame_column(column)).cast(pl.Float32, strict=False)
        return truth.fill_null(float("nan")).to_numpy()


def build_shard_data(
    events: pl.DataFrame,
    config: IngestionConfig,
    items: Entities,
    users: Entities,
    boundaries: Boundaries,
    catalogue: CatalogueCounts,
    earlier: Continuation | None = None,
) -> ShardData:
    """Compute the arrays of a shard, or of a slice of one.

    Args:
        events: the events, as `sort_events` returns them.
        config: which examples to build.
        items: attributes of items.
        users: attributes of users.
        boundaries: where validation and test begin.
        catalogue: the items of the training window.
        earlier: what is known of the events of the last user of the slice before.
    """
    if earlier is None or not earlier.continues_into(events):
        earlier = NOTHING_EARLIER
    elif earlier.events.height:
        events = pl.concat([earlier.events, events], how="vertical_relaxed")
    user = _user_index(events.get_column(USER))
    time = events.get_column(TIMESTAMP).to_numpy()
    labels, masks = _labels_and_masks(events, config, earlier.events.height)
    sequence = config.sequence
    is_behaviour = _flags(events, is_selected(sequence.behaviours, config.data.events.event_type)) > 0.0
    delay = round(sequence.availability_delay * 1_000_000)
    histories = build_histories(user, time, is_behaviour, sequence.max_length, delay)
    histories.count[user == 0] += earlier.behaviours_before
    return ShardData(
        config=config,
        earlier=earlier,
        events=events,
        items=items,
        users=users,
        catalogue=catalogue,
        attributes=attribute_values(events, config.features.attributes_of("events")),
        user=user,
        time=time,
        split=boundaries.split_of(time),
        item=row_index(events.get_column(ITEM), catalogue.items),
        item_row=row_index(events.get_column(ITEM).append(catalogue.items), items.ids),
        user_row=row_index(events.get_column(USER), users.ids),
        labels=labels,
        masks=masks,
        histories=histories,
    )


def _user_index(users: pl.Series) -> np.ndarray:
    """Return an index of each user, from 0 in their order, int64 [N]; equal users are neighbours."""
    if len(users) == 0:
        return np.zeros(0, np.int64)
    return users.rle_id().cast(pl.Int64).to_numpy()


def _labels_and_masks(
    events: pl.DataFrame, config: IngestionConfig, first: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return labels, 0 where masked, and masks, float32 [N] by task; both are 0 before row `first`."""
    labels, masks = {}, {}
    event_type = config.data.events.event_type
    for task in config.tasks:
        mask = pl.lit(True) if task.mask is None else is_selected(task.mask, event_type)
        masks[task.name] = _flags(events, mask) * (np.arange(events.height) >= first).astype(np.float32)
        labels[task.name] = _flags(events, is_selected(task.label, event_type)) * masks[task.name]
    return labels, masks


def _flags(events: pl.DataFrame, condition: pl.Expr) -> np.ndarray:
    """Evaluate a condition on all events, float32 [N]."""
    flag = pl.when(condition).then(1.0).otherwise(0.0).cast(pl.Float32).alias("flag")
    # The second column gives a literal condition the length of the frame.
    return events.select(pl.col(TIMESTAMP), flag).get_column("flag").to_numpy()
