"""From the events of a shard of users to examples, as Arrow record batches that encode straight to `tf.Example`.

Everything is done on columns: an example is a row number, its history a range of row numbers, and the values that
they stand for are gathered only as a batch is made, so that memory follows the batch and not the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from interestflow.transforms import feature_names
from interestflow.transforms.config import AttributeConfig, IngestionConfig
from interestflow.transforms.examples.attributes import AttributeValues, as_arrow, attribute_values, row_of
from interestflow.transforms.examples.histories import Histories, build_histories
from interestflow.transforms.examples.negatives import Choices, NegativeSampler, digests, mixed
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.reading.columns import ENTITY, ORDER, own_column
from interestflow.transforms.reading.conditions import holds
from interestflow.transforms.splits import SPLITS, Boundaries

BATCH = 16_384
"""Examples a record batch: with histories of 50 some ten megabytes a feature."""
HISTORY_BOUNDS = (1, 5, 20, 50)
NOTHING_CHOSEN = Choices(np.zeros(0, np.int64), np.zeros(0, np.int64))
HISTORY_NAMES = ("0", "1-4", "5-19", "20-49", "50+")


@dataclass(frozen=True)
class Catalogue:
    """The items of the training window and how often each is there."""

    items: pl.Series
    counts: np.ndarray


@dataclass(frozen=True)
class Entities:
    """Items or users: their ids and the values of their attributes, row by row, and a last row for those unknown."""

    ids: pl.Series
    values: AttributeValues

    @classmethod
    def of(cls, frame: pl.DataFrame | None, attributes: tuple[AttributeConfig, ...]) -> Entities:
        """From what `read_entities` gives; None where there is no such table."""
        if frame is None:
            return cls(pl.Series([], dtype=pl.String), AttributeValues({}, {}, {}))
        return cls(frame.get_column(ENTITY), attribute_values(frame, attributes))


@dataclass(frozen=True)
class _Rows:
    """Examples: the event that each belongs to, the item drawn for it, -1 where it is the event's own, and with which
    probability it was drawn, float32, 1 for the event's own."""

    event: np.ndarray
    drawn: np.ndarray
    probability: np.ndarray

    def __getitem__(self, part: slice | np.ndarray) -> _Rows:
        return _Rows(self.event[part], self.drawn[part], self.probability[part])


class ShardExamples:
    """The examples of some users, of whom all events are here.

    Args:
        events: as `sorted_events` gives them.
        config: what to make.
        items: attributes of items.
        users: attributes of users.
        boundaries: where validation and test begin.
        catalogue: the items of the training window.
    """

    def __init__(
        self,
        events: pl.DataFrame,
        config: IngestionConfig,
        items: Entities,
        users: Entities,
        boundaries: Boundaries,
        catalogue: Catalogue,
    ) -> None:
        self._config = config
        self._items, self._users = items, users
        self._catalogue = catalogue
        self._events = events
        self._attributes = attribute_values(events, config.features.of_source("events"))
        self._user = _numbered(events.get_column(USER))
        self._time = events.get_column(TIMESTAMP).to_numpy()
        self._split = boundaries.split_of(self._time)
        self._position = row_of(events.get_column(ITEM), catalogue.items)
        self._user_row = row_of(events.get_column(USER), users.ids)
        # Of all items that an example may have: those of the events, then those that may be drawn.
        self._item_row = row_of(events.get_column(ITEM).append(catalogue.items), items.ids)
        self._item_text = as_arrow(events.get_column(ITEM))
        self._labels, self._masks = self._judge()
        self._histories = self._remember()
        self._rows = self._choose()
        self._keys = self._event_keys(np.arange(len(self._time))) if config.sequence.history_negatives else None
        self._rows_by_split = {
            split: self._rows[self._split[self._rows.event] == number] for number, split in enumerate(SPLITS)
        }
        self._is_new = ~_any_by_user(self._user, self._split == 0)
        self._truth = self._true_probabilities()

    def batches(self, split: str, size: int = BATCH) -> Iterator[pa.RecordBatch]:
        """The examples of one split, ordered by user, then time."""
        rows = self._rows_by_split[split]
        for start in range(0, len(rows.event), size):
            yield self._batch(rows[start : start + size], is_training=split == "train")

    def example_count(self, split: str) -> int:
        return len(self._rows_by_split[split].event)

    def sampled_count(self, split: str) -> int:
        """How many of the split's examples were drawn rather than logged."""
        return int((self._rows_by_split[split].drawn >= 0).sum())

    def positive_counts(self, split: str) -> dict[str, int]:
        """By task."""
        rows = self._rows_by_split[split]
        own = rows.event[rows.drawn < 0]
        return {task: int(label[own].sum()) for task, label in self._labels.items()}

    @property
    def behaviour_counts(self) -> np.ndarray:
        """int64 by event: how many behaviours its history has, also those cut off by the maximum length."""
        return self._histories.count

    @property
    def behaviours_only(self) -> int:
        """Events that are no example: no task has a label for them, or, where negatives are drawn, they are none."""
        return len(self._time) - int((self._rows.drawn < 0).sum())

    @property
    def negatives_not_found(self) -> int:
        """How many negatives could not be drawn, because the user had taken nearly everything."""
        if self._config.negatives.source == "impressions":
            return 0
        positives = int((self._rows.drawn < 0).sum())
        return positives * self._config.negatives.per_positive - int((self._rows.drawn >= 0).sum())

    def without_attributes(self) -> dict[str, int]:
        """By `items`, `users`: events whose item or user is not in its table, where there is such a table."""
        found = {}
        if self._config.data.items is not None:
            found["items"] = int((self._item_row[: len(self._time)] == len(self._items.ids)).sum())
        if self._config.data.users is not None:
            found["users"] = int((self._user_row == len(self._users.ids)).sum())
        return found

    @property
    def unreadable(self) -> dict[str, int]:
        """By attribute of events, how many cells should have been a number and were not."""
        return self._attributes.unreadable

    def _judge(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Labels, 0 where masked, and masks, float32 by task."""
        labels, masks = {}, {}
        event_type = self._config.data.events.event_type
        for task in self._config.tasks:
            mask = pl.lit(True) if task.mask is None else holds(task.mask, event_type)
            masks[task.name] = self._flags(mask)
            labels[task.name] = self._flags(holds(task.label, event_type)) * masks[task.name]
        return labels, masks

    def _flags(self, condition: pl.Expr) -> np.ndarray:
        wanted = pl.when(condition).then(1.0).otherwise(0.0).cast(pl.Float32).alias("flag")
        flags = self._events.select(pl.col(TIMESTAMP), wanted).get_column("flag")
        return flags.to_numpy()

    def _remember(self) -> Histories:
        sequence = self._config.sequence
        behaviour = self._flags(holds(sequence.behaviours, self._config.data.events.event_type)) > 0.0
        delay = round(sequence.availability_delay * 1_000_000)
        return build_histories(self._user, self._time, behaviour, sequence.max_length, delay)

    def _choose(self) -> _Rows:
        """Which events are examples, each followed by the negatives drawn for it."""
        if self._config.negatives.source == "impressions":
            labelled = np.flatnonzero(np.any([mask > 0.0 for mask in self._masks.values()], axis=0))
            return _Rows(labelled, np.full(len(labelled), -1, np.int64), np.ones(len(labelled), np.float32))
        chosen = np.flatnonzero(np.any([label > 0.0 for label in self._labels.values()], axis=0))
        sampler = NegativeSampler.of(self._config.negatives, self._catalogue.counts)
        position = np.where(self._position == len(self._catalogue.items), -1, self._position)[chosen]
        user, time = self._user[chosen], self._time[chosen]
        choices = Choices.of(user, position, time, len(self._catalogue.items))
        drawn = sampler.draw(self._event_keys(chosen), user, time, position, choices)
        table = np.concatenate([np.full((len(chosen), 1), -1, np.int64), drawn], axis=1)
        probability = np.where(table >= 0, sampler.probability[table], 1.0).astype(np.float32)
        found = np.concatenate([np.full((len(chosen), 1), True), drawn >= 0], axis=1)
        return _Rows(np.repeat(chosen, table.shape[1]), table.ravel(), probability.ravel())[found.ravel()]

    def _event_keys(self, rows: np.ndarray) -> np.ndarray:
        """uint64 [N]: a digest of user, item and time."""
        keys = []
        for name in (USER, ITEM):
            ids = self._events.get_column(name)
            distinct = ids.unique(maintain_order=True)
            keys.append(digests(distinct.to_list())[row_of(ids.gather(rows), distinct)])
        return mixed(*keys, self._time[rows])

    def _batch(self, rows: _Rows, is_training: bool) -> pa.RecordBatch:
        event, sampled = rows.event, rows.drawn >= 0
        columns = {
            USER: _single(as_arrow(self._events.get_column(USER).gather(event))),
            ITEM: _single(as_arrow(self._item_names(rows))),
            TIMESTAMP: _single(pa.array(self._time[event])),
        }
        columns |= self._history_columns(event)
        if self._keys is not None:
            columns |= self._history_negatives(event if is_training else event[:0], len(event), self._keys)
        item_row = self._item_row[np.where(sampled, len(self._time) + rows.drawn, event)]
        places = {"events": event, "users": self._user_row[event], "items": item_row}
        sources = {"events": self._attributes, "users": self._users.values, "items": self._items.values}
        for attribute in self._config.features.with_target():
            values = sources[attribute.source].target[attribute.name].take(pa.array(places[attribute.source]))
            columns[attribute.name] = values if attribute.kind == "categorical_list" else _single(values)
        for task in self._config.tasks:
            label = np.where(sampled, np.float32(0.0), self._labels[task.name][event])
            columns[feature_names.label(task.name)] = _single(pa.array(label))
            if task.mask is not None:
                columns[feature_names.mask(task.name)] = _single(pa.array(self._masks[task.name][event]))
        columns |= self._facts(rows)
        return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))

    def _item_names(self, rows: _Rows) -> pl.Series:
        own = self._events.get_column(ITEM).gather(rows.event)
        sampled = rows.drawn >= 0
        if not sampled.any():
            return own
        drawn = self._catalogue.items.gather(np.maximum(rows.drawn, 0))
        return pl.select(pl.when(pl.Series(sampled)).then(drawn).otherwise(own)).to_series()

    def _history_columns(self, event: np.ndarray) -> dict[str, pa.Array]:
        histories = self._histories.of(event)
        behaviour = histories.flat()
        offsets = pa.array(histories.offsets)
        age = (np.repeat(self._time[event], histories.stop - histories.start) - self._time[behaviour]) // 1_000_000
        flat: dict[str, pa.Array] = {
            feature_names.HISTORY_ITEM: self._item_text.take(pa.array(behaviour)),
            feature_names.HISTORY_AGE: pa.array(age),
        }
        for attribute in self._config.features.along_history():
            if attribute.source == "items":
                source, place = self._items.values, self._item_row[behaviour]
            else:
                source, place = self._attributes, behaviour
            flat[feature_names.history(attribute.name)] = source.history[attribute.name].take(pa.array(place))
        columns = {name: pa.LargeListArray.from_arrays(offsets, values) for name, values in flat.items()}
        columns[feature_names.HISTORY_COUNT] = _single(pa.array(histories.count))
        return columns

    def _history_negatives(self, event: np.ndarray, count: int, keys: np.ndarray) -> dict[str, pa.Array]:
        """An item of the training window beside each behaviour of these events; none in the rest of `count` rows.

        It is never the behaviour's own item; where all attempts met that, it is missing. Drawn from events of the
        training window alone, and of no use to a prediction: it is in the loss of training examples and nowhere else.
        """
        histories = self._histories.of(event)
        behaviour, lengths = histories.flat(), histories.stop - histories.start
        own = np.where(self._position == len(self._catalogue.items), -1, self._position)[behaviour]
        drawn = np.full(len(behaviour), -1, np.int64)
        if len(behaviour):
            sampler = NegativeSampler.beside_behaviours(self._config.negatives.seed, self._catalogue.counts)
            nobody = np.zeros(len(behaviour), np.int64)
            # A step has its own draw in every example that remembers it.
            step = mixed(np.repeat(keys[event], lengths), keys[behaviour])
            drawn = sampler.draw(step, nobody, self._time[behaviour], own, NOTHING_CHOSEN)[:, 0]
        names = pl.concat([self._catalogue.items, pl.Series([""], dtype=pl.String)])
        place = np.append(self._item_row[len(self._time) :], len(self._items.ids))[drawn]
        flat = {feature_names.HISTORY_NEGATIVE_ITEM: as_arrow(names.gather(drawn % len(names)))}
        for attribute in self._config.features.of_item_vector():
            values = self._items.values.history[attribute.name].take(pa.array(place))
            flat[feature_names.history_negative(attribute.name)] = values
        offsets = np.pad(histories.offsets, (0, count - len(event)), mode="edge")
        return {name: pa.LargeListArray.from_arrays(pa.array(offsets), values) for name, values in flat.items()}

    def _facts(self, rows: _Rows) -> dict[str, pa.Array]:
        """What is known of an example beyond what a model sees."""
        event, sampled = rows.event, rows.drawn >= 0
        length = np.digitize(self._histories.count[event], HISTORY_BOUNDS)
        is_cold = (self._position[event] == len(self._catalogue.items)) & ~sampled
        is_new = self._is_new[self._user[event]]
        facts = {
            feature_names.SLICE_HISTORY: pl.Series(HISTORY_NAMES).gather(length),
            feature_names.SLICE_USER: pl.Series(["known", "new"]).gather(is_new.astype(np.int64)),
            feature_names.SLICE_ITEM: pl.Series(["known", "cold"]).gather(is_cold.astype(np.int64)),
        }
        columns = {name: _single(as_arrow(values)) for name, values in facts.items()}
        columns[feature_names.SAMPLING_PROBABILITY] = _single(pa.array(rows.probability))
        if self._truth is not None:
            columns[feature_names.TRUE_PROBABILITY] = _single(pa.array(self._truth[event]))
        return columns

    def _true_probabilities(self) -> np.ndarray | None:
        """float32 by event, NaN where there is none; None where the log has no such column."""
        column = self._config.data.events.true_probability
        if column is None:
            return None
        truth = self._events.get_column(own_column(column)).cast(pl.Float32, strict=False)
        return truth.fill_null(float("nan")).to_numpy()


def sorted_events(blocks: list[pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Joins the blocks of one shard.

    Returns:
        The events ordered by user, then time, then as they were written; and those that repeat an earlier row in
        every column that is used, which are not among the first.
    """
    events = pl.concat(blocks, how="vertical_relaxed").sort(USER, TIMESTAMP, ORDER)
    alike = events.select(pl.struct(USER, TIMESTAMP, ITEM).is_duplicated()).to_series()
    if not alike.any():
        return events, events.clear()
    content = [name for name in events.columns if name != ORDER]
    suspects = events.filter(alike)
    repeated = suspects.filter(~suspects.select(pl.struct(content).is_first_distinct()).to_series())
    return events.join(repeated.select(ORDER), on=ORDER, how="anti", maintain_order="left"), repeated


def _numbered(users: pl.Series) -> np.ndarray:
    """int64 [N], rising: equal neighbours share a number."""
    if len(users) == 0:
        return np.zeros(0, np.int64)
    return (users.rle_id()).cast(pl.Int64).to_numpy()


def _any_by_user(user: np.ndarray, flag: np.ndarray) -> np.ndarray:
    """bool by user: whether any of the user's rows has the flag."""
    found = np.zeros(int(user.max(initial=-1)) + 1, bool)
    found[user[flag]] = True
    return found


def _single(values: pa.Array) -> pa.Array:
    """One value an example, in the form that the encoder takes."""
    return pa.LargeListArray.from_arrays(pa.array(np.arange(len(values) + 1)), values)
