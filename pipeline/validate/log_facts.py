"""What a log holds, in numbers, counted by the same code that makes the examples of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from interestflow.transforms.config import AttributeConfig, IngestionConfig, Source
from interestflow.transforms.examples.attributes import attribute_values
from interestflow.transforms.examples.catalogue_counts import CatalogueCounts
from interestflow.transforms.examples.entities import Entities
from interestflow.transforms.examples.shard import ShardExamples
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.splits import SPLITS, Boundaries

PERCENTILES = (10, 50, 90, 99)


@dataclass(frozen=True)
class TableFacts:
    """One input. `reasons`: how many rows cannot be used, by kind, with one full reason each."""

    name: str
    files: int
    rows: int
    unusable: int
    reasons: dict[str, tuple[int, str]]
    note: str = ""


@dataclass(frozen=True)
class EventFacts:
    """What the log holds. Times in microseconds since 1970; examples and positives by split (and task)."""

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
    """An attribute in its table: how many different values, the share of rows without one, some of the values."""

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
    """Made by the same code as the examples of a run, all users being one shard."""
    training = events.filter(pl.col(TIMESTAMP) < boundaries.validation).group_by(ITEM).len().sort(ITEM)
    catalogue = CatalogueCounts(training.get_column(ITEM), training.get_column("len").to_numpy())
    of_items = Entities.from_frame(items, config.features.attributes_of("items"))
    of_users = Entities.from_frame(users, config.features.attributes_of("users"))
    shard = ShardExamples(events, config, of_items, of_users, boundaries, catalogue)
    time = events.get_column(TIMESTAMP)
    behaviours = shard.behaviour_counts
    found = [int(value) for value in np.percentile(behaviours, PERCENTILES)]
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
        history_percentiles=dict(zip(PERCENTILES, found, strict=True)),
        cut_histories=float((behaviours > config.sequence.max_length).mean()),
        without_attributes={name: count / events.height for name, count in missing.items()},
    )


def attribute_facts(frame: pl.DataFrame | None, config: IngestionConfig, source: Source) -> list[AttributeFacts]:
    if frame is None or frame.is_empty():
        return []
    return [_facts_of(attribute, frame) for attribute in config.features.attributes_of(source)]


def _facts_of(attribute: AttributeConfig, frame: pl.DataFrame) -> AttributeFacts:
    made = attribute_values(frame, [attribute.model_copy(update={"use": ("target",)})])
    column = pl.Series(pl.from_arrow(made.target[attribute.name])).head(frame.height)
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
    unreadable = made.unreadable.get(attribute.name, 0)
    return AttributeFacts(attribute, values.n_unique(), int(missing) / frame.height, unreadable, shown)
