"""What the `data`, `tasks`, `sequence`, `features`, `split` and `negatives` sections of a configuration may say."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

TableFormat = Literal["csv", "tsv", "jsonl", "parquet"]
TimestampUnit = Literal["s", "ms", "us", "ns", "iso8601"]
Use = Literal["target", "history"]
EntityTable = Literal["items", "users"]
Source = Literal["events", "items", "users"]
ENTITY_TABLES: tuple[EntityTable, ...] = ("items", "users")
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Section(BaseModel):
    """A part of the configuration: unknown keys are refused and values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class TableConfig(Section):
    """One input table: where its files are and how they are written.

    `path` may hold `*`; it is relative to `data.folder`. Files may be compressed (`.gz`, `.zst`). A file without a
    header line needs `column_names`.
    """

    path: str
    format: TableFormat
    separator: str | None = Field(
        None, description="Between columns; a comma for csv, a tab for tsv. May be several characters."
    )
    column_names: tuple[str, ...] | None = None


class EventsConfig(TableConfig):
    """The interaction log: which column says who met what, and when."""

    user: str
    item: str
    timestamp: str
    timestamp_unit: TimestampUnit = "s"
    event_type: str | None = None
    event_types: tuple[str, ...] | None = Field(
        None, description="The event types known; a row with another is a dead letter."
    )
    true_probability: str | None = Field(
        None, description="Column of a generated log that holds each event's true click probability; never a feature."
    )


class EntitiesConfig(TableConfig):
    """Attributes of items or users: one row an id."""

    id: str


class LinksConfig(TableConfig):
    """Which knowledge-graph entity an item is."""

    item: str
    entity: str


class KnowledgeGraphConfig(TableConfig):
    """Triples of head, relation and tail."""

    head: str
    relation: str
    tail: str
    links: LinksConfig | None = None


class DataConfig(Section):
    """The three inputs. `folder` defaults to $INTERESTFLOW_DATA, or else to the configuration's own folder."""

    folder: str | None = None
    events: EventsConfig
    items: EntitiesConfig | None = None
    users: EntitiesConfig | None = None
    knowledge_graph: KnowledgeGraphConfig | None = None
    max_bad_row_share: Share = Field(
        0.01, description="The share of unusable rows of a table beyond which a run fails."
    )


class Condition(Section):
    """Selects events: `every_event`, by `event_types`, or by a `column` with exactly one comparison.

    `column` alone reads the column itself as 0 or 1.
    """

    every_event: bool = False
    event_types: tuple[str, ...] | None = None
    column: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[str | int | float | bool, ...] | None = None

    @model_validator(mode="after")
    def _one_way_to_select(self) -> Condition:
        ways = [self.every_event, self.event_types is not None, self.column is not None]
        if sum(ways) != 1:
            raise ValueError("should name exactly one of `every_event`, `event_types` and `column`")
        comparisons = [value for value in (self.at_least, self.at_most, self.one_of) if value is not None]
        if len(comparisons) > 1 or (comparisons and self.column is None):
            raise ValueError("should have at most one of `at_least`, `at_most` and `one_of`, beside a `column`")
        return self


class TaskConfig(Section):
    """One thing to predict. Events outside `mask` carry no label for this task and do not count in its loss."""

    name: Name
    label: Condition
    mask: Condition | None = None


class SequenceConfig(Section):
    """The history an example carries: the user's behaviours strictly before its event."""

    behaviours: Condition = Condition(every_event=True)
    max_length: Annotated[int, Field(ge=1)] = 50
    availability_delay: float = Field(
        0.0, ge=0.0, description="Seconds until a behaviour is known to the system that serves."
    )
    history_negatives: bool = Field(
        False,
        description="Draw another item beside each behaviour of the training examples; for DIEN's auxiliary loss.",
    )


class IdentityConfig(Section):
    """How user or item ids are encoded: a vocabulary of the training split, or hashing."""

    min_count: Annotated[int, Field(ge=1)] = 1
    vocabulary_size: Annotated[int, Field(ge=1)] | None = None
    hash_buckets: Annotated[int, Field(ge=1)] | None = None
    out_of_vocabulary_buckets: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _vocabulary_or_hash(self) -> IdentityConfig:
        if self.hash_buckets and (self.vocabulary_size or self.min_count > 1):
            raise ValueError("should have `hash_buckets` or a vocabulary (`vocabulary_size`, `min_count`), not both")
        return self


class UserConfig(IdentityConfig):
    """`in_model`: whether the model has an embedding of the user id itself."""

    in_model: bool = False


class AttributeConfig(IdentityConfig):
    """An attribute of the event, the item or the user.

    `use` says where the model sees it: with the `target` (known when the impression is made), along the `history`, or
    both. What is known only after the event, such as its rating, may be used along the history alone.
    """

    name: Name
    source: Source = Field(alias="from")
    column: str | None = None
    kind: Literal["categorical", "categorical_list", "numeric"] = "categorical"
    separator: str = Field("|", description="Between the values of a list in a text file.")
    max_values: Annotated[int, Field(ge=1)] = 4
    boundaries: tuple[float, ...] | None = None
    quantiles: Annotated[int, Field(ge=2)] | None = None
    use: tuple[Use, ...] = ("target",)

    @property
    def source_column(self) -> str:
        return self.column or self.name

    @property
    def is_bucketed(self) -> bool:
        """A numeric attribute that the model sees as a category."""
        return self.boundaries is not None or self.quantiles is not None

    @property
    def is_number(self) -> bool:
        """What the model sees as a number, rather than as a category."""
        return self.kind == "numeric" and not self.is_bucketed

    @model_validator(mode="after")
    def _consistent(self) -> AttributeConfig:
        if self.is_bucketed and self.kind != "numeric":
            raise ValueError(f"`boundaries` and `quantiles` bucket numbers, received kind {self.kind!r}")
        if self.boundaries is not None and self.quantiles is not None:
            raise ValueError("should have `boundaries` or `quantiles`, not both")
        if self.boundaries is not None and (
            not self.boundaries or list(self.boundaries) != sorted(set(self.boundaries))
        ):
            raise ValueError(f"`boundaries` should be numbers that rise, received {list(self.boundaries)}")
        if self.source == "users" and "history" in self.use:
            raise ValueError("`use` should be [target], since a user's attribute is the same along the whole history")
        if not self.use:
            raise ValueError("`use` should name `target`, `history` or both")
        if self.kind == "numeric" and "history" in self.use and not self.is_bucketed:
            raise ValueError("should have `boundaries` or `quantiles`, as every numeric attribute along the history")
        return self


class FeaturesConfig(Section):
    user: UserConfig = UserConfig()
    item: IdentityConfig = IdentityConfig()
    attributes: tuple[AttributeConfig, ...] = ()
    max_single_feature_auc: Share = Field(
        0.95, description="An attribute that alone tells a label better than this on validation is taken for a leak."
    )

    def along_history(self) -> tuple[AttributeConfig, ...]:
        return tuple(attribute for attribute in self.attributes if "history" in attribute.use)

    def of_item_vector(self) -> tuple[AttributeConfig, ...]:
        """Attributes of items seen both with the target and along the history."""
        return tuple(a for a in self.attributes if a.source == "items" and {"target", "history"} <= set(a.use))

    def of_source(self, source: Source) -> tuple[AttributeConfig, ...]:
        return tuple(attribute for attribute in self.attributes if attribute.source == source)

    def with_target(self) -> tuple[AttributeConfig, ...]:
        return tuple(attribute for attribute in self.attributes if "target" in attribute.use)


class SplitConfig(Section):
    """Shares of the log by global time, or the instants at which validation and test begin.

    Instants are in the log's own timestamp unit. Simultaneous events never fall on both sides of a boundary.
    """

    train: Share = 0.8
    validation: Share = 0.1
    test: Share = 0.1
    validation_from: float | str | None = None
    test_from: float | str | None = None

    @field_validator("validation_from", "test_from", mode="before")
    @classmethod
    def _dates_as_text(cls, value: object) -> object:
        # YAML reads an unquoted 2024-01-31 as a date.
        return value.isoformat() if isinstance(value, datetime.date) else value

    @model_validator(mode="after")
    def _instants_in_order(self) -> SplitConfig:
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
    def _whole(self) -> SplitConfig:
        if (self.validation_from is None) != (self.test_from is None):
            raise ValueError("should have both `validation_from` and `test_from`, or neither")
        total = self.train + self.validation + self.test
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"`train`, `validation` and `test` should sum to 1, received {total:g}")
        if min(self.train, self.validation, self.test) <= 0.0:
            raise ValueError("`train`, `validation` and `test` should each be more than 0")
        return self


class NegativesConfig(Section):
    """`impressions`: the log's own events without the label. `sampled`: items drawn from the training window."""

    source: Literal["impressions", "sampled"] = "impressions"
    per_positive: Annotated[int, Field(ge=1)] = 1
    distribution: Literal["uniform", "popularity"] = "uniform"
    seed: int = 17


class IngestionConfig(Section):
    """All that turns raw logs into examples; the part of the configuration that `transforms` knows."""

    data: DataConfig
    tasks: Annotated[tuple[TaskConfig, ...], Field(min_length=1)]
    sequence: SequenceConfig = SequenceConfig()
    features: FeaturesConfig = FeaturesConfig()
    split: SplitConfig = SplitConfig()
    negatives: NegativesConfig = NegativesConfig()

    def conditions(self) -> tuple[tuple[str, Condition], ...]:
        """Every condition with the key that it stands under."""
        named = [(f"tasks.{number}.label", task.label) for number, task in enumerate(self.tasks)]
        named += [(f"tasks.{number}.mask", task.mask) for number, task in enumerate(self.tasks) if task.mask]
        return (*named, ("sequence.behaviours", self.sequence.behaviours))

    @model_validator(mode="after")
    def _event_types_known(self) -> IngestionConfig:
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
    def _no_leak(self) -> IngestionConfig:
        made_from: set[str] = set()
        for task in self.tasks:
            for condition in (task.label, task.mask):
                column = condition and (self.data.events.event_type if condition.event_types else condition.column)
                if column:
                    made_from.add(column)
        for number, attribute in enumerate(self.features.attributes):
            where, column = f"features.attributes.{number}", attribute.source_column
            if attribute.source != "events":
                continue
            if column == self.data.events.true_probability:
                raise ValueError(f"`{where}` would show the model column {column!r}, the true click probability")
            if "target" in attribute.use and column in made_from:
                raise ValueError(
                    f"`{where}` would show the model column {column!r}, from which the label is made; "
                    "`use` should be [history]"
                )
        return self

    @model_validator(mode="after")
    def _no_clash(self) -> IngestionConfig:
        seen: set[str] = {"user", "item", "item_text", "timestamp", "sampling_probability", "true_probability"}
        tables = {"items": self.data.items, "users": self.data.users, "events": self.data.events}
        for number, attribute in enumerate(self.features.attributes):
            where = f"features.attributes.{number}"
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
        for number, name in enumerate(names):
            if name in names[:number]:
                raise ValueError(f"`tasks.{number}.name` {name!r} is taken; names of tasks should be unique")
        return self
