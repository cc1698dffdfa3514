"""Counts of a log and its attributes, by the same code that makes the examples of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from interestflow.transforms.config import AttributeConfig, IngestionConfig, Source
from interestflow.transforms.examples.attributes import attribute_values
from interestflow.transforms.examples.catalogue_counts import count_catalogue
from interestflow.transforms.examples.entities import Entities
from interestflow.transforms.examples.shard import ShardExamples
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.splits import SPLITS, Boundaries

PERCENTILES = (10, 50, 90, 99)


@dataclass(frozen=True)
class TableFacts:
    """Counts of one input.

    Attributes:
        name: `events`, `items`, `users`, `graph` or `links`.
        files: number of files.
        rows: number of rows that were read.
        unusable: number of rows that cannot be used.
        reasons: number of unusable rows by kind of reason, with one full reason each.
    """

    name: str
    files: int
    rows: int
    unusable: int
    reasons: dict[str, tuple[int, str]]


@dataclass(frozen=True)
class EventFacts:
    """Counts of the log and of the examples that a run would make of it.

    Attributes:
        first, last: times of the first and the last event, microseconds since 1970.
        users, items: number of distinct ids.
        boundaries: times at which the splits begin.
        examples: number of examples by split.
        positives: number of positives by split and task.
        sampled_negatives: number of sampled negatives by split.
        behaviours_only: number of events without a label, which are used in histories only.
        history_percentiles: length of a history by percentile, before it is cut.
        cut_histories: share of histories that are longer than `sequence.max_length`.
        without_attributes: share of events whose item or user is missing in its table, by table.
    """

    first: int
    last: int
    users: int
    items: int
    boundaries: Boundaries
    examples: dict[str, int]
    positives: dict[str, dict[str, int]]
    sampled_negatives: dict[str, int]
    behaviours_only: int
    history_percentiles: dict[int, int]
    cut_histories: float
    without_attributes: dict[str, float]


@dataclass(frozen=True)
class AttributeFacts:
    """Values of an attribute in its table.

    Attributes:
        attribute: the attribute's configuration.
        distinct: number of distinct values.
        missing: share of the rows without a value.
        unreadable: number of cells that are no number, for a numeric attribute.
        shown: some of the values: the most frequent, or minimum, median and maximum of a number.
    """

    attribute: AttributeConfig
    distinct: int
    missing: float
    unreadable: int
    shown: tuple[str, ...]


def event_facts(
    events: pl.DataFrame,
    config: IngestionConfig,
    boundaries: Boundaries,
    items: pl.DataFrame | None,
    users: pl.DataFrame | None,
) -> EventFacts:
    """Count the log by the code that makes the examples of a run, with all users in one shard.

    Args:
        events: usable events in the order of the pipeline.
        config: configuration of the ingestion.
        boundaries: times at which the splits begin.
        items: usable rows of the items table; None where there is none.
        users: the same for users.
    """
    catalogue = count_catalogue(events, boundaries)
    item_entities = Entities.from_frame(items, config.features.attributes_of("items"))
    user_entities = Entities.from_frame(users, config.features.attributes_of("users"))
    shard = ShardExamples(events, config, item_entities, user_entities, boundaries, catalogue)
    time = events.get_column(TIMESTAMP)
    behaviours = shard.behaviour_counts
    lengths = [int(value) for value in np.percentile(behaviours, PERCENTILES)]
    missing = {
        name: count
        for name, count in shard.without_attributes().items()
        if {"items": items, "users": users}[name] is not None
    }
    return EventFacts(
        first=int(time.min()),  # type: ignore[arg-type]
        last=int(time.max()),  # type: ignore[arg-type]
        users=events.get_column(USER).n_unique(),
        items=events.get_column(ITEM).n_unique(),
        boundaries=boundaries,
        examples={split: shard.example_count(split) for split in SPLITS},
        positives={split: shard.positive_counts(split) for split in SPLITS},
        sampled_negatives={split: shard.sampled_count(split) for split in SPLITS},
        behaviours_only=shard.behaviours_only,
        history_percentiles=dict(zip(PERCENTILES, lengths, strict=True)),
        cut_histories=float((behaviours > config.sequence.max_length).mean()),
        without_attributes={name: count / events.height for name, count in missing.items()},
    )


def attribute_facts(frame: pl.DataFrame | None, config: IngestionConfig, source: Source) -> list[AttributeFacts]:
    """Return facts about each attribute of a table; nothing where the table is empty or does not exist."""
    if frame is None or frame.is_empty():
        return []
    return [_facts_of_attribute(attribute, frame) for attribute in config.features.attributes_of(source)]


def _facts_of_attribute(attribute: AttributeConfig, frame: pl.DataFrame) -> AttributeFacts:
    encoded = attribute_values(frame, [attribute.model_copy(update={"use": ("target",)})])
    column = pl.Series(pl.from_arrow(encoded.target[attribute.name])).head(frame.height)
    if attribute.kind == "numeric":
        missing, values = column.is_nan().sum(), column.fill_nan(None)
    elif attribute.kind == "categorical":
        values = column.cast(pl.String)
        missing, values = (values == "").sum(), values.filter(values != "")
    else:
        missing, values = (column.list.len() == 0).sum(), column.cast(pl.List(pl.String)).explode()
    values = values.drop_nulls()
    if attribute.kind == "numeric" and len(values):
        shown = tuple(f"{value:g}" for value in (values.min(), values.median(), values.max()))  # type: ignore[str-bytes-safe]
    else:
        shown = tuple(values.value_counts(sort=True).head(3).get_column(values.name).cast(pl.String).to_list())
    unreadable = encoded.unreadable.get(attribute.name, 0)
    return AttributeFacts(attribute, values.n_unique(), int(missing) / frame.height, unreadable, shown)
