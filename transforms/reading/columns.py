"""Columns of the log that the configuration uses, and their names in frames of events, items and users."""

from __future__ import annotations

from collections.abc import Iterator

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER

ORDER = "order"
"""Column of events: file and row, so that simultaneous events keep the order in which they were written."""
ENTITY = "id"
"""Column of items and users: the id that events refer to."""
RESERVED = (USER, ITEM, TIMESTAMP, ORDER, ENTITY)
PREFIX = "log."


def event_columns(config: IngestionConfig) -> dict[str, str]:
    """Return the columns of the log that the configuration uses, each with its name in frames."""
    events = config.data.events
    ids_and_time = {name: frame_column(name) for name in (events.user, events.item, events.timestamp)}
    return ids_and_time | extra_columns(config)


def frame_column(name: str) -> str:
    """Return the name that the log's column `name` has in frames: its own, unless that clashes with a reserved one.

    No two columns come to share a name: one that already starts with the prefix gets it once more.
    """
    return f"{PREFIX}{name}" if name in RESERVED or name.startswith(PREFIX) else name


def extra_columns(config: IngestionConfig) -> dict[str, str]:
    """Return the columns beyond user, item and time, for types, labels and attributes, with their names in frames."""
    return {name: frame_column(name) for name in _extra_columns(config) if name is not None}


def _extra_columns(config: IngestionConfig) -> Iterator[str | None]:
    """Yield the columns of types, labels, behaviours and attributes, some of them repeatedly."""
    yield config.data.events.event_type
    yield config.data.events.true_probability
    for task in config.tasks:
        yield task.label.column
        yield None if task.mask is None else task.mask.column
    yield config.sequence.behaviours.column
    for attribute in config.features.attributes_of("events"):
        yield attribute.source_column
