"""Reference implementation of examples: their definition in plain Python, event by event, for a few users.

Ingestion builds examples by columns, sorting and searching. This is a second way to the same result, slow and short. It
shares nothing with ingestion but the reading of files and of JSON arrays, so that a mistake of one is found by the
other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl

from interestflow.transforms import feature_names
from interestflow.transforms.config import AttributeConfig, Condition, IngestionConfig, TaskConfig
from interestflow.transforms.examples.attributes import parse_json_array
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.reading.columns import ENTITY, ORDER, frame_column

Row = dict[str, Any]
"""A row by column: text, a list of texts, or None; `timestamp` and `order` are integers."""
Features = dict[str, list[Any]]
"""Features of a raw example by name: every value a list, text as str, numbers of 32 bits as float."""


def to_rows(frame: pl.DataFrame) -> list[Row]:
    """Return the rows of events, items or users; every value that is not a list becomes its text."""
    integers = {TIMESTAMP, ORDER} & set(frame.columns)
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    texts = [name for name in frame.columns if name not in integers and name not in lists]
    return frame.with_columns(pl.col(texts).cast(pl.String), pl.col(lists).cast(pl.List(pl.String))).to_dicts()


def index_by_id(frame: pl.DataFrame | None) -> dict[str, Row]:
    """Return the rows of items or users by id; none if there is no table."""
    return {} if frame is None else {row[ENTITY]: row for row in to_rows(frame)}


def distinct_events(rows: Iterable[Row]) -> list[Row]:
    """Return one user's events by time, then as written, without those that repeat an earlier one in every column."""
    known, distinct = set(), []
    for row in sorted(rows, key=lambda row: row[ORDER]):
        content = repr([(name, value) for name, value in sorted(row.items()) if name != ORDER])
        if content not in known:
            known.add(content)
            distinct.append(row)
    return sorted(distinct, key=lambda row: (row[TIMESTAMP], row[ORDER]))


class ReferenceExamples:
    """The features that the examples of one user should have.

    Args:
        events: all usable events of the user, as `distinct_events` returns them.
        config: which examples to build.
        items: rows of the items table by id; those that the user's events and examples name.
        users: rows of the users table by id, selected in the same way.
    """

    def __init__(
        self, events: list[Row], config: IngestionConfig, items: Mapping[str, Row], users: Mapping[str, Row]
    ) -> None:
        """Store the user's log and select the behaviours."""
        self._config = config
        self._items, self._users = items, users
        self.events = events
        self._behaviours = [event for event in events if self._is_selected(config.sequence.behaviours, event)]

    def is_positive(self, event: Row) -> bool:
        """Return whether some task's label is 1."""
        return any(self._label(task, event) for task in self._config.tasks)

    def is_example(self, event: Row) -> bool:
        """Return whether the event is an example: if negatives are sampled, a positive; otherwise, a labelled event."""
        if self._config.negatives.source == "sampled":
            return self.is_positive(event)
        return any(task.mask is None or self._is_selected(task.mask, event) for task in self._config.tasks)

    def features(self, event: Row, sampled_item: str | None = None) -> Features:
        """Return the features of an event's example, or of a negative sampled for it, which has another item."""
        item = event[ITEM] if sampled_item is None else sampled_item
        features = self._history(event[TIMESTAMP])
        features |= {USER: [event[USER]], ITEM: [item], TIMESTAMP: [event[TIMESTAMP]]}
        for task in self._config.tasks:
            is_positive = sampled_item is None and self._label(task, event)
            features[feature_names.label(task.name)] = [float(is_positive)]
            if task.mask is not None:
                features[feature_names.mask(task.name)] = [float(self._is_selected(task.mask, event))]
        for attribute in self._config.features.target_attributes():
            values = self._values(attribute, event, item)
            features[attribute.name] = values if attribute.kind == "categorical_list" else [values]
        return features

    def _history(self, instant: int) -> Features:
        """Return the features of the history: the newest behaviours known strictly before `instant`, oldest first."""
        delay = round(self._config.sequence.availability_delay * 1_000_000)
        known = [behaviour for behaviour in self._behaviours if behaviour[TIMESTAMP] + delay < instant]
        newest = known[-self._config.sequence.max_length :]
        features: Features = {
            feature_names.HISTORY_COUNT: [len(known)],
            feature_names.HISTORY_ITEM: [behaviour[ITEM] for behaviour in newest],
            feature_names.HISTORY_AGE: [(instant - behaviour[TIMESTAMP]) // 1_000_000 for behaviour in newest],
        }
        for attribute in self._config.features.history_attributes():
            values = [self._values(attribute, behaviour, behaviour[ITEM]) for behaviour in newest]
            if attribute.kind == "categorical_list":
                values = [attribute.separator.join(value) for value in values]
            features[feature_names.history(attribute.name)] = values
        return features

    def _values(self, attribute: AttributeConfig, event: Row, item: str) -> Any:
        """Return the attribute's value: a text, a number or a list of texts."""
        row = {"events": event, "items": self._items.get(item), "users": self._users.get(event[USER])}[attribute.source]
        value = None if row is None else row[frame_column(attribute.source_column)]
        if attribute.kind == "numeric":
            return math.nan if value is None else parse_float32(value, math.nan)
        if attribute.kind == "categorical":
            return "" if value is None else value
        return _parse_list(value, attribute.separator)

    def _label(self, task: TaskConfig, event: Row) -> bool:
        """Return the label of a task, false where masked."""
        is_masked = task.mask is not None and not self._is_selected(task.mask, event)
        return not is_masked and self._is_selected(task.label, event)

    def _is_selected(self, condition: Condition, event: Row) -> bool:
        """Return whether the condition selects the event."""
        if condition.every_event:
            return True
        if condition.event_types is not None:
            return event[frame_column(str(self._config.data.events.event_type))] in condition.event_types
        text = event[frame_column(str(condition.column))]
        if text is None:
            return False
        if condition.one_of is not None:
            return any(_is_same(text, value) for value in condition.one_of)
        if condition.at_least is not None:
            return bool(_parse_float(text) >= condition.at_least)
        if condition.at_most is not None:
            return bool(_parse_float(text) <= condition.at_most)
        return text.lower() in ("1", "1.0", "true")


def parse_float32(text: str, missing: float) -> float:
    """Return a number rounded to 32 bits, as examples hold it; `missing` for text that is not a number."""
    value = _parse_float(text)
    return missing if math.isnan(value) else float(np.float32(value))


def _parse_float(text: str) -> float:
    """Return a number; NaN, with which no comparison holds, for text that is not one."""
    try:
        # Unlike Python's, a log's numbers have no underscores and no spaces.
        return math.nan if "_" in text or text != text.strip() else float(text)
    except ValueError:
        return math.nan


def _is_same(text: str, value: str | int | float | bool) -> bool:
    """Return whether the text of a log is a value of the configuration."""
    if isinstance(value, bool):
        return text.lower() == str(value).lower()
    return text == value if isinstance(value, str) else _parse_float(text) == value


def _parse_list(value: str | list[str | None] | None, separator: str) -> list[str]:
    """Return the values of a list that are present, from a list, a JSON array or separated text."""
    if isinstance(value, str):
        array = parse_json_array(value)
        value = list(value.split(separator)) if array is None else list(array)
    return [part for part in value or [] if part]
