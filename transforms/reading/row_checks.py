"""Reasons for which rows of a table cannot be used, as column expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from interestflow.transforms.config import EventsConfig, IngestionConfig
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.reading.conditions import is_readable, is_selected


class RowCheck(NamedTuple):
    """One reason for which rows cannot be used.

    Attributes:
        is_bad: boolean expression, true for the rows that cannot be used.
        kind: the reason without the offending value.
        reason: text expression, the reason with the offending value.
    """

    is_bad: pl.Expr
    kind: str
    reason: pl.Expr


def event_checks(config: IngestionConfig, columns: Mapping[str, str]) -> list[RowCheck]:
    """Return the checks of events: ids, timestamp, event type and labels.

    Args:
        config: the columns and what they mean.
        columns: the log's columns, each with its name in the frames that are checked. These frames have `user`, `item`
            and `timestamp` (null if it could not be read) besides.
    """
    events = config.data.events
    ids = {USER: (events.user, "no user id"), ITEM: (events.item, "no item id")}
    return [
        *missing_id_checks(ids),
        _timestamp_check(events, columns[events.timestamp]),
        *_event_type_checks(events, columns),
        *_label_checks(config, columns),
    ]


def missing_id_checks(ids: Mapping[str, tuple[str, str]]) -> list[RowCheck]:
    """Return a check of each id column that finds rows without one.

    Args:
        ids: by column of the frame, the log's name of the column and the kind of reason, such as "no user id".
    """
    return [
        RowCheck(pl.col(name).is_null() | (pl.col(name) == ""), kind, pl.lit(f"{kind} in `{column}`"))
        for name, (column, kind) in ids.items()
    ]


def _timestamp_check(events: EventsConfig, column: str) -> RowCheck:
    """Return the check that finds timestamps which could not be read."""
    text = pl.col(column).cast(pl.String).fill_null("(none)")
    unit = pl.lit(events.timestamp_unit)
    reason = pl.format("timestamp {} in `{}` cannot be read as {}", text, pl.lit(events.timestamp), unit)
    return RowCheck(pl.col(TIMESTAMP).is_null(), "timestamp cannot be read", reason)


def _event_type_checks(events: EventsConfig, columns: Mapping[str, str]) -> list[RowCheck]:
    """Return the check that finds unknown event types, if the configuration lists the known ones."""
    if events.event_type is None or not events.event_types:
        return []
    event_type = pl.col(columns[events.event_type]).cast(pl.String)
    is_known = event_type.is_in(list(events.event_types)).fill_null(False)
    reason = pl.format("event type {} is not among `data.events.event_types`", event_type.fill_null("(none)"))
    return [RowCheck(~is_known, "unknown event type", reason)]


def _label_checks(config: IngestionConfig, columns: Mapping[str, str]) -> list[RowCheck]:
    """Return a check of each task that finds unreadable labels; of a task with a mask only events it selects count."""
    checks = []
    for task in config.tasks:
        column = task.label.column
        if column is None:
            continue
        needs_label = pl.lit(True) if task.mask is None else is_selected(task.mask, config.data.events.event_type)
        value = pl.col(columns[column]).cast(pl.String).fill_null("(none)")
        kind = f"label of task {task.name} cannot be read"
        reason = pl.format("label of task {} cannot be read: {} in `{}`", pl.lit(task.name), value, pl.lit(column))
        checks.append(RowCheck(needs_label & ~is_readable(task.label), kind, reason))
    return checks
