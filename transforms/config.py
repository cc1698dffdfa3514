"""Configuration of ingestion: `data`, `tasks`, `sequence`, `features`, `split`, `negatives` and `memory`.

The sections `data` and `tasks` are in `data_config.py`, `features` is in `feature_config.py`; this module offers all of
them.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from interestflow.memory_size import MemorySize, memory_bytes
from interestflow.section import NonNegative, PositiveInt, Section, Share
from interestflow.transforms.data_config import (
    ENTITY_TABLES,
    Condition,
    DataConfig,
    EntitiesConfig,
    EntityTable,
    EventsConfig,
    KnowledgeGraphConfig,
    LinksConfig,
    TableConfig,
    TableFormat,
    TaskConfig,
    TimestampUnit,
)
from interestflow.transforms.feature_config import (
    AttributeConfig,
    FeaturesConfig,
    IdentityConfig,
    Source,
    Use,
    UserConfig,
)

__all__ = [
    "ENTITY_TABLES",
    "AttributeConfig",
    "Condition",
    "DataConfig",
    "EntitiesConfig",
    "EntityTable",
    "EventsConfig",
    "FeaturesConfig",
    "IdentityConfig",
    "IngestionConfig",
    "KnowledgeGraphConfig",
    "LinksConfig",
    "NegativesConfig",
    "SequenceConfig",
    "Source",
    "SplitConfig",
    "TableConfig",
    "TableFormat",
    "TaskConfig",
    "TimestampUnit",
    "Use",
    "UserConfig",
]


class SequenceConfig(Section):
    """The history that an example has: the user's behaviours strictly before its event."""

    behaviours: Condition = Field(
        Condition(every_event=True), description="Events that count as behaviours; by default every event."
    )
    max_length: PositiveInt = Field(50, description="Number of newest behaviours that an example keeps.")
    availability_delay: NonNegative = Field(
        0.0, description="Seconds after which a behaviour is known to the system that serves."
    )
    history_negatives: bool = Field(
        False,
        description="Whether one negative item is sampled for each behaviour of the training examples, for DIEN's "
        "auxiliary loss.",
    )


class SplitConfig(Section):
    """How the log is split by global time: by shares of its events, or at two instants.

    Simultaneous events never fall on both sides of a boundary.
    """

    train: Share = Field(0.8, description="Share of the log's events, the oldest, that models train on.")
    validation: Share = Field(0.1, description="Share of the events after those, by which training stops.")
    test: Share = Field(0.1, description="Share of the events at the end, by which models are evaluated.")
    validation_from: float | str | None = Field(
        None,
        description="Instant at which the validation split begins, in the log's timestamp unit or as a date; takes the "
        "place of the shares.",
    )
    test_from: float | str | None = Field(
        None, description="Instant at which the test split begins, in the log's timestamp unit or as a date."
    )

    @field_validator("validation_from", "test_from", mode="before")
    @classmethod
    def _write_dates_as_text(cls, value: object) -> object:
        # YAML reads an unquoted 2024-01-31 as a date.
        return value.isoformat() if isinstance(value, datetime.date) else value

    @model_validator(mode="after")
    def _has_instants_in_order(self) -> SplitConfig:
        validation, test = self.validation_from, self.test_from
        if validation is None or test is None:
            return self
        if isinstance(validation, float) and isinstance(test, float):
            ordered = validation < test
        else:
            ordered = isinstance(validation, str) and isinstance(test, str) and validation < test
        if not ordered:
            raise ValueError(f"`test_from` should be later than `validation_from`, {validation}, received {test}")
        return self

    @model_validator(mode="after")
    def _has_shares_of_a_whole(self) -> SplitConfig:
        if (self.validation_from is None) != (self.test_from is None):
            raise ValueError("should have both `validation_from` and `test_from`, or neither")
        total = self.train + self.validation + self.test
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"`train`, `validation` and `test` should sum to 1, received {total:g}")
        if min(self.train, self.validation, self.test) <= 0.0:
            raise ValueError("`train`, `validation` and `test` should each be more than 0")
        return self


class NegativesConfig(Section):
    """Where negative examples come from."""

    source: Literal["impressions", "sampled"] = Field(
        "impressions",
        description="Whether negatives are the log's own events without the label, or items sampled from the training "
        "window.",
    )
    per_positive: PositiveInt = Field(1, description="Number of negatives sampled for each positive event.")
    distribution: Literal["uniform", "popularity"] = Field(
        "uniform", description="Whether items are sampled uniformly, or proportional to their training counts."
    )
    seed: int = Field(17, description="Seed of the sampling.")


class IngestionConfig(Section):
    """Everything that turns raw logs into examples: the part of the configuration that `transforms` knows."""

    data: DataConfig = Field(description="Input files.")
    tasks: Annotated[tuple[TaskConfig, ...], Field(min_length=1)] = Field(
        description="Labels to predict; a matcher learns only from the first one."
    )
    sequence: SequenceConfig = Field(SequenceConfig(), description="History that an example has.")
    features: FeaturesConfig = Field(
        FeaturesConfig(), description="Features of users, items and events, and their encoding."
    )
    split: SplitConfig = Field(SplitConfig(), description="How the log is split by time.")
    negatives: NegativesConfig = Field(NegativesConfig(), description="Source of the negative examples.")
    memory: MemorySize = Field(
        "4GB",
        description="Bound of the peak memory of every process, with its unit (4GB is 4 * 10^9 bytes, 4GiB 4 * 2^30), "
        "or as a number of GB. Tables of items and users, and what a model holds in memory, are not cut to fit it.",
    )

    @property
    def memory_bytes(self) -> int:
        """Bound of the peak memory of every process, in bytes."""
        return memory_bytes(self.memory)

    def with_span(self, span: str = "") -> Self:
        """Return a copy whose folder and paths name one span of the log: `span`, or `data.span` where it is empty."""
        return self.model_copy(update={"data": self.data.with_span(span)})

    def conditions(self) -> tuple[tuple[str, Condition], ...]:
        """Return every condition with the path of its key."""
        named = [(f"tasks.{index}.label", task.label) for index, task in enumerate(self.tasks)]
        named += [(f"tasks.{index}.mask", task.mask) for index, task in enumerate(self.tasks) if task.mask]
        return (*named, ("sequence.behaviours", self.sequence.behaviours))

    @model_validator(mode="after")
    def _names_known_event_types(self) -> IngestionConfig:
        events = self.data.events
        for where, condition in self.conditions():
            if condition.event_types is None:
                continue
            if events.event_type is None:
                raise ValueError(
                    f"`{where}.event_types` needs `data.events.event_type`, the column that says an event's type"
                )
            unknown = set(condition.event_types) - set(events.event_types or condition.event_types)
            if unknown:
                raise ValueError(
                    f"`{where}.event_types` should be among `data.events.event_types`, "
                    f"received {', '.join(sorted(unknown))}"
                )
        return self

    @model_validator(mode="after")
    def _shows_no_label(self) -> IngestionConfig:
        label_columns: set[str] = set()
        for task in self.tasks:
            for condition in (task.label, task.mask):
                column = condition and (self.data.events.event_type if condition.event_types else condition.column)
                if column:
                    label_columns.add(column)
        for index, attribute in enumerate(self.features.attributes):
            where, column = f"features.attributes.{index}", attribute.source_column
            if attribute.source != "events":
                continue
            if column == self.data.events.true_probability:
                raise ValueError(f"`{where}` would show the model column {column!r}, the true click probability")
            if "target" in attribute.use and column in label_columns:
                raise ValueError(
                    f"`{where}` would show the model column {column!r}, from which the label is made; "
                    "`use` should be [history]"
                )
        return self

    @model_validator(mode="after")
    def _names_are_unique(self) -> IngestionConfig:
        seen: set[str] = {"user", "item", "item_text", "timestamp", "sampling_probability", "true_probability"}
        tables = {"items": self.data.items, "users": self.data.users, "events": self.data.events}
        for index, attribute in enumerate(self.features.attributes):
            where = f"features.attributes.{index}"
            if attribute.name in seen:
                raise ValueError(f"`{where}.name` {attribute.name!r} is taken; names of features should be unique")
            seen.add(attribute.name)
            taken_prefix = attribute.name.startswith(("history_", "label_", "mask_", "slice_"))
            taken_history = attribute.name in ("age", "count", "item") or attribute.name.startswith("negative_")
            if taken_prefix or (taken_history and "history" in attribute.use):
                raise ValueError(
                    f"`{where}.name` {attribute.name!r} clashes with a feature that is made here; rename it"
                )
            if tables[attribute.source] is None:
                raise ValueError(f"`{where}.from` is {attribute.source!r}, but `data.{attribute.source}` is missing")
        names = [task.name for task in self.tasks]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise ValueError(f"`tasks.{index}.name` {name!r} is taken; names of tasks should be unique")
        return self
