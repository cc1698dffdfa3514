"""What examples should hold, told from their definition: event by event, in plain Python, for a few users.

Ingestion makes examples by columns, sorting and searching. This is the other way to the same end, slow and short, and
shares nothing with it but the reading of files and of JSON arrays, so that a mistake of one is seen by the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl

from interestflow.transforms import feature_names
from interestflow.transforms.config import AttributeConfig, Condition, IngestionConfig
from interestflow.transforms.examples.attributes import parse_json_array
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.reading.columns import ENTITY, ORDER, frame_column

Row = dict[str, Any]
"""By column: text, a list of texts, or None; `timestamp` and `order` are integers."""
Features = dict[str, list[Any]]
"""By name, as in a raw example: every value a list, text as str, numbers of 32 bits as float."""


def rows_of(frame: pl.DataFrame) -> list[Row]:
    """The rows of events, items or users; what is no list becomes its text."""
    whole = {TIMESTAMP, ORDER} & set(frame.columns)
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    texts = [name for name in frame.columns if name not in whole and name not in lists]
    return frame.with_columns(pl.col(texts).cast(pl.String), pl.col(lists).cast(pl.List(pl.String))).to_dicts()


def distinct_events(rows: Iterable[Row]) -> list[Row]:
    """One user's events by time, then as written, without those that repeat an earlier one in every column."""
    seen, found = set(), []
    for row in sorted(rows, key=lambda row: row[ORDER]):
        content = repr([(name, value) for name, value in sorted(row.items()) if name != ORDER])
        if content not in seen:
            seen.add(content)
            found.append(row)
    return sorted(found, key=lambda row: (row[TIMESTAMP], row[ORDER]))


class ExpectedExamples:
    """Derives the features of the examples of one user.

    Args:
        events: all usable events of the user, as `distinct_events` gives them.
        config: what examples are made of.
        items: by id, rows of the items' table; those that the user's events and examples name.
        users: likewise.
    """

    def __init__(
        self, events: list[Row], config: IngestionConfig, items: Mapping[str, Row], users: Mapping[str, Row]
    ) -> None:
        self._config = config
        self._items, self._users = items, users
        self.events = events
        self._behaviours = [event for event in events if self._is(config.sequence.behaviours, event)]

    def is_positive(self, event: Row) -> bool:
        """Whether some task's label is 1."""
        return any(self._label(task.name, event) for task in self._config.tasks)

    def is_example(self, event: Row) -> bool:
        """Where negatives are drawn, positives; otherwise every event that has a label for some task."""
        if self._config.negatives.source == "sampled":
            return self.is_positive(event)
        return any(task.mask is None or self._is(task.mask, event) for task in self._config.tasks)

    def of_event(self, event: Row, drawn: str | None = None) -> Features:
        """The features of an event's example, or of the item drawn as a negative beside it."""
        found = self._history(event[TIMESTAMP])
        found |= {
            USER: [event[USER]], ITEM: [event[ITEM] if drawn is None else drawn], TIMESTAMP: [event[TIMESTAMP]],
        }  # fmt: skip
        for task in self._config.tasks:
            found[feature_names.label(task.name)] = [float(drawn is None and self._label(task.name, event))]
            if task.mask is not None:
                found[feature_names.mask(task.name)] = [float(self._is(task.mask, event))]
        for attribute in self._config.features.with_target():
            values = self._values(attribute, event, found[ITEM][0])
            found[attribute.name] = values if attribute.kind == "categorical_list" else [values]
        return found

    def _history(self, instant: int) -> Features:
        """Everything along the history: behaviours known strictly before `instant`, the newest, oldest first."""
        delay = round(self._config.sequence.availability_delay * 1_000_000)
        known = [behaviour for behaviour in self._behaviours if behaviour[TIMESTAMP] + delay < instant]
        kept = known[-self._config.sequence.max_length :]
        found: Features = {
            feature_names.HISTORY_COUNT: [len(known)],
            feature_names.HISTORY_ITEM: [behaviour[ITEM] for behaviour in kept],
            feature_names.HISTORY_AGE: [(instant - behaviour[TIMESTAMP]) // 1_000_000 for behaviour in kept],
        }
        for attribute in self._config.features.along_history():
            values = [self._values(attribute, behaviour, behaviour[ITEM]) for behaviour in kept]
            if attribute.kind == "categorical_list":
                values = [attribute.separator.join(value) for value in values]
            found[feature_names.history(attribute.name)] = values
        return found

    def _values(self, attribute: AttributeConfig, event: Row, item: str) -> Any:
        """A text, a number or a list of texts."""
        row = {"events": event, "items": self._items.get(item), "users": self._users.get(event[USER])}[attribute.source]
        value = None if row is None else row[frame_column(attribute.source_column)]
        if attribute.kind == "numeric":
            return math.nan if value is None else as_number(value, math.nan)
        if attribute.kind == "categorical":
            return "" if value is None else value
        return _listed(value, attribute.separator)

    def _label(self, name: str, event: Row) -> bool:
        (task,) = (task for task in self._config.tasks if task.name == name)
        return self._is(task.label, event) and (task.mask is None or self._is(task.mask, event))

    def _is(self, condition: Condition, event: Row) -> bool:
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
            return bool(_double(text) >= condition.at_least)
        if condition.at_most is not None:
            return bool(_double(text) <= condition.at_most)
        return text.lower() in ("1", "1.0", "true")


def as_number(text: str, missing: float) -> float:
    """A number of 32 bits, as examples hold them."""
    value = _double(text)
    return missing if math.isnan(value) else float(np.float32(value))


def by_id(frame: pl.DataFrame | None) -> dict[str, Row]:
    """Items or users by id."""
    return {} if frame is None else {row[ENTITY]: row for row in rows_of(frame)}


def _double(text: str) -> float:
    """NaN for what is no number; no comparison with it holds."""
    try:
        # Unlike Python, a log has no underscores and no spaces in its numbers.
        return math.nan if "_" in text or text != text.strip() else float(text)
    except ValueError:
        return math.nan


def _is_same(text: str, value: str | int | float | bool) -> bool:
    if isinstance(value, bool):
        return text.lower() == str(value).lower()
    return text == value if isinstance(value, str) else _double(text) == value


def _listed(value: str | list[str | None] | None, separator: str) -> list[str]:
    if isinstance(value, str):
        array = parse_json_array(value)
        value = list(value.split(separator)) if array is None else list(array)
    return [part for part in value or [] if part]
