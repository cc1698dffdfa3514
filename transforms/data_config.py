"""Sections `data` and `tasks` of a configuration: which files there are, and what is to be predicted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from interestflow.section import Name, Section, Share

TableFormat = Literal["csv", "tsv", "jsonl", "parquet"]
TimestampUnit = Literal["s", "ms", "us", "ns", "iso8601"]
EntityTable = Literal["items", "users"]
ENTITY_TABLES: tuple[EntityTable, ...] = ("items", "users")


SPAN = "{span}"
"""Text in the folder and in paths that stands for the span of the log that a run reads."""


class TableConfig(Section):
    """One input table: where its files are and how they are written."""

    path: str = Field(
        description="Path of the table's files relative to `data.folder`, in which `*` matches any text and `{span}` "
        "stands for `data.span`. Files may be compressed (`.gz`, `.zst`)."
    )
    format: TableFormat = Field(description="File format of the table.")
    separator: str | None = Field(
        None,
        description="Text between two columns, of one character or several; by default a comma for csv and a tab for "
        "tsv.",
    )
    column_names: tuple[str, ...] | None = Field(
        None, description="Names of the columns in order, for files without a header line."
    )


class EventsConfig(TableConfig):
    """The interaction log: which columns say who interacted with what, and when."""

    user: str = Field(description="Column of the user id.")
    item: str = Field(description="Column of the item id.")
    timestamp: str = Field(description="Column of the time of the event.")
    timestamp_unit: TimestampUnit = Field(
        "s", description="Unit of the timestamps: seconds, milliseconds, ... since 1970, or ISO 8601 text."
    )
    event_type: str | None = Field(None, description="Column of the event type, such as view or purchase.")
    event_types: tuple[str, ...] | None = Field(
        None, description="Event types that the log may have; a row of another type is a dead letter."
    )
    true_probability: str | None = Field(
        None, description="Column of a generated log that holds each event's true click probability; never a feature."
    )


class EntitiesConfig(TableConfig):
    """Attributes of items or users, with one row for each id."""

    id: str = Field(description="Column of the item or user id.")


class LinksConfig(TableConfig):
    """Table that says which entity of the knowledge graph each item is."""

    item: str = Field(description="Column of the item id.")
    entity: str = Field(description="Column of the entity, as the knowledge graph names it.")


class KnowledgeGraphConfig(TableConfig):
    """Table of the knowledge graph's triples."""

    head: str = Field(description="Column of the entity that a triple starts from.")
    relation: str = Field(description="Column of the relation.")
    tail: str = Field(description="Column of the entity that a triple leads to.")
    links: LinksConfig | None = Field(
        None, description="Table of items and their entities; without it, entities have the items' own ids."
    )


class DataConfig(Section):
    """The input files."""

    folder: str | None = Field(
        None,
        description="Folder or URL that holds the files; by default $INTERESTFLOW_DATA, or the configuration's own "
        "folder. `{span}` in it stands for `data.span`.",
    )
    span: str = Field(
        "*",
        min_length=1,
        description="Text that replaces `{span}` in `data.folder` and in the paths of tables, such as a date; `*` for "
        "every span. The run parameter `span` changes it for one run.",
    )
    events: EventsConfig = Field(description="Interaction log.")
    items: EntitiesConfig | None = Field(None, description="Table of item attributes.")
    users: EntitiesConfig | None = Field(None, description="Table of user attributes.")
    knowledge_graph: KnowledgeGraphConfig | None = Field(
        None, description="Knowledge graph of the items, for models that learn from a graph."
    )
    max_bad_row_share: Share = Field(
        0.01, description="Largest share of a table's rows that may be unusable; above it, the run fails."
    )

    def tables(self) -> dict[str, TableConfig]:
        """Return the tables that the configuration names, by the path of their keys below `data`."""
        graph = self.knowledge_graph
        tables = {
            "events": self.events,
            "items": self.items,
            "users": self.users,
            "knowledge_graph": graph,
            "knowledge_graph.links": None if graph is None else graph.links,
        }
        return {key: table for key, table in tables.items() if table is not None}

    def with_span(self, span: str = "") -> DataConfig:
        """Return a copy in which `{span}` is replaced by `span`, or by `data.span` where `span` is empty.

        Example:
            `path: "{span}/events-*.parquet"` becomes `2026-11-30/events-*.parquet` by `with_span("2026-11-30")`.
        """
        text = span or self.span
        document = self.model_dump()
        document["span"] = text
        if self.folder is not None:
            document["folder"] = self.folder.replace(SPAN, text)
        for key in self.tables():
            table = document
            for name in key.split("."):
                table = table[name]
            table["path"] = table["path"].replace(SPAN, text)
        return DataConfig.model_validate(document)


class Condition(Section):
    """Selection of events: all of them, by event type, or by one comparison of a column.

    A `column` without a comparison is itself read as 0 or 1.
    """

    every_event: bool = Field(False, description="Whether every event is selected.")
    event_types: tuple[str, ...] | None = Field(None, description="Event types that are selected.")
    column: str | None = Field(
        None, description="Column that decides by itself (0 or 1), or by one of the comparisons."
    )
    at_least: float | None = Field(None, description="Smallest value of `column` that is selected.")
    at_most: float | None = Field(None, description="Largest value of `column` that is selected.")
    one_of: tuple[str | int | float | bool, ...] | None = Field(
        None, description="Values of `column` that are selected."
    )

    @model_validator(mode="after")
    def _selects_one_way(self) -> Condition:
        ways = [self.every_event, self.event_types is not None, self.column is not None]
        if sum(ways) != 1:
            raise ValueError("should name exactly one of `every_event`, `event_types` and `column`")
        comparisons = [value for value in (self.at_least, self.at_most, self.one_of) if value is not None]
        if len(comparisons) > 1 or (comparisons and self.column is None):
            raise ValueError("should have at most one of `at_least`, `at_most` and `one_of`, beside a `column`")
        return self


class TaskConfig(Section):
    """One label to predict."""

    name: Name = Field(description="Name of the task, in lower-case letters, digits and _.")
    label: Condition = Field(description="Events that are positive for this task.")
    mask: Condition | None = Field(
        None,
        description="Events that have a label for this task; the others do not count in its loss and metrics. By "
        "default all.",
    )
