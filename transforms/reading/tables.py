"""Reads the input tables into Polars frames and sets aside the rows that cannot be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from interestflow.transforms.config import EntitiesConfig, EntityTable, EventsConfig, IngestionConfig, TableConfig
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.reading.blocks import BLOCK_BYTES, Block, column_names, read_blocks
from interestflow.transforms.reading.columns import ENTITY, ORDER, own_column
from interestflow.transforms.reading.conditions import columns_of, holds, is_readable
from interestflow.transforms.reading.files import TableError, list_files
from interestflow.transforms.reading.timestamps import microseconds

DEAD_LETTER_SCHEMA = {"file": pl.String, "row": pl.Int64, "reason": pl.String, "content": pl.String}
FILE_SHIFT = 40
"""`order` is the file's number times 2 ** 40 plus the row, from 0."""
FILE, ROW = "__file", "__row"
GARBLED = "\ufffd"
"""What stands for bytes that are not UTF-8."""


@dataclass(frozen=True)
class Table:
    """The usable rows of a table, or of a part of it, and the others.

    frame: what can be used.
    dead_letters: `file`, `row` (from 1; headers and empty lines not counted), `reason`, `kind` (the reason without the
        value that gave it) and `content`: JSON of the columns that are used, or the line where it could not be parsed.
    rows: how many there were in all.
    """

    frame: pl.DataFrame
    dead_letters: pl.DataFrame
    rows: int


class Reason(NamedTuple):
    """Why rows cannot be used: those where `holds`; `kind` in general, `text` with the value."""

    holds: pl.Expr
    kind: str
    text: pl.Expr


def available_columns(table: TableConfig, folder: str | None) -> list[str]:
    """The columns that the table's first file has."""
    return column_names(list_files(table, folder)[0], table)


def event_columns(config: IngestionConfig) -> list[str]:
    """The columns of the log that the configuration uses."""
    events = config.data.events
    return list(dict.fromkeys([events.user, events.item, events.timestamp, *kept_columns(config)]))


def kept_columns(config: IngestionConfig) -> list[str]:
    """The columns of the log that are needed once user, item and time are known: types, labels, attributes."""
    events = config.data.events
    conditions = [condition for task in config.tasks for condition in (task.label, task.mask) if condition]
    columns = [events.event_type, events.true_probability]
    columns += [column for condition in (*conditions, config.sequence.behaviours) for column in columns_of(condition)]
    columns += [attribute.source_column for attribute in config.features.of_source("events")]
    return list(dict.fromkeys(column for column in columns if column is not None))


def read_events(path: str, number: int, config: IngestionConfig, block_bytes: int = BLOCK_BYTES) -> Iterator[Table]:
    """One file of the log, block by block.

    A frame has `user`, `item` (text), `timestamp` (microseconds since 1970), `order` (int64, by file and row) and the
    log's own columns that are needed beyond these, each under the name that `own_column` gives it.

    A row without user or item id, with a timestamp that cannot be read, of an unknown event type, whose label cannot be
    read, or that is not UTF-8, is a dead letter. Repeated rows are found later, where all rows of a user are together.

    Args:
        path: the file.
        number: of the file among the log's files; with the row it orders simultaneous events.
        config: which columns are what.
        block_bytes: as in `read_blocks`.

    Raises:
        TableError: where the file cannot be read, or lacks a column.
    """
    events = config.data.events
    ids = {USER: (events.user, "no user id"), ITEM: (events.item, "no item id")}
    for block in read_blocks(path, events, event_columns(config), block_bytes):
        raw = block.frame
        frame = raw.select(
            pl.col(events.user).cast(pl.String).alias(USER),
            pl.col(events.item).cast(pl.String).alias(ITEM),
            microseconds(raw.get_column(events.timestamp), events.timestamp_unit).alias(TIMESTAMP),
            (block.rows - 1 + (number << FILE_SHIFT)).alias(ORDER),
            *(pl.col(column).alias(own_column(column)) for column in kept_columns(config)),
        )
        reasons = [*absent(ids), *_no_time(raw, frame.get_column(TIMESTAMP), events), *_unknown_type(events)]
        yield separated(frame, block, [*reasons, *_no_label(config), *garbled(block)], path)


def read_entities(table: EntitiesConfig, folder: str | None, columns: Iterable[str]) -> Table:
    """Items or users: `id` (text) and the given columns, each under the name that `own_column` gives it.

    Rows without id, those that are not UTF-8, and all but the first of those that share an id, are dead letters.
    """
    kept = list(dict.fromkeys(columns))
    parts: list[Table] = []
    for path in list_files(table, folder):
        for block in read_blocks(path, table, list(dict.fromkeys([table.id, *kept]))):
            named = [pl.col(column).alias(own_column(column)) for column in kept]
            frame = block.frame.select(pl.col(table.id).cast(pl.String).alias(ENTITY), *named, pl.lit(path).alias(FILE))
            frame = frame.with_columns(block.rows.alias(ROW))
            parts.append(separated(frame, block, [*absent({ENTITY: (table.id, "no id")}), *garbled(block)], path))
    if not parts:
        raise TableError(f"{table.path} should have rows, received none")
    frame = pl.concat([part.frame for part in parts], how="vertical_relaxed")
    is_first = frame.get_column(ENTITY).is_first_distinct()
    repeated = frame.filter(~is_first).select(
        pl.col(FILE).alias("file"),
        pl.col(ROW).alias("row"),
        pl.format("id {} is given twice; the first is used", pl.col(ENTITY)).alias("reason"),
        pl.lit("an id is given twice").alias("kind"),
        pl.struct(pl.exclude(FILE, ROW)).struct.json_encode().alias("content"),
    )
    return Table(
        frame.filter(is_first).drop(FILE, ROW),
        pl.concat([*(part.dead_letters for part in parts), repeated]),
        sum(part.rows for part in parts),
    )


def read_attributes(config: IngestionConfig, name: EntityTable) -> Table | None:
    """The items or users with the columns that the configuration uses; None where it has no such table."""
    table: EntitiesConfig | None = getattr(config.data, name)
    if table is None:
        return None
    columns = [attribute.source_column for attribute in config.features.of_source(name)]
    return read_entities(table, config.data.folder, columns)


def absent(ids: dict[str, tuple[str, str]]) -> list[Reason]:
    """From the names of our columns to the log's, and what it means that there is nothing."""
    return [
        Reason(pl.col(ours).is_null() | (pl.col(ours) == ""), kind, pl.lit(f"{kind} in `{column}`"))
        for ours, (column, kind) in ids.items()
    ]


def _no_time(raw: pl.DataFrame, times: pl.Series, events: EventsConfig) -> list[Reason]:
    """`times` are those that were read from the log's own column in `raw`."""
    if times.null_count() == 0:
        return []
    shown = pl.lit(raw.get_column(events.timestamp).cast(pl.String)).fill_null("(none)")
    unit = pl.lit(events.timestamp_unit)
    text = pl.format("timestamp {} in `{}` cannot be read as {}", shown, pl.lit(events.timestamp), unit)
    return [Reason(pl.col(TIMESTAMP).is_null(), "timestamp cannot be read", text)]


def _unknown_type(events: EventsConfig) -> list[Reason]:
    if events.event_type is None or not events.event_types:
        return []
    found = pl.col(own_column(events.event_type)).cast(pl.String)
    text = pl.format("event type {} is not among `data.events.event_types`", found.fill_null("(none)"))
    return [Reason(~found.is_in(list(events.event_types)).fill_null(False), "unknown event type", text)]


def _no_label(config: IngestionConfig) -> list[Reason]:
    """A label that cannot be read; where a task has a mask, only events that it selects need one."""
    reasons = []
    for task in config.tasks:
        for column in columns_of(task.label):
            selected = pl.lit(True) if task.mask is None else holds(task.mask, config.data.events.event_type)
            shown = pl.col(own_column(column)).cast(pl.String).fill_null("(none)")
            text = pl.format("label of task {} cannot be read: {} in `{}`", pl.lit(task.name), shown, pl.lit(column))
            reasons.append(
                Reason(selected & ~is_readable(task.label), f"label of task {task.name} cannot be read", text)
            )
    return reasons


def garbled(block: Block) -> list[Reason]:
    reasons = []
    for column in block.frame.select(pl.col(pl.String)):
        is_garbled = column.str.contains(GARBLED, literal=True).fill_null(False)
        if is_garbled.any():
            reasons.append(Reason(pl.lit(is_garbled), "not UTF-8", pl.lit(f"not UTF-8 in `{column.name}`")))
    return reasons


def separated(frame: pl.DataFrame, block: Block, reasons: list[Reason], path: str) -> Table:
    """Parts usable rows from the others; a row is given the first reason that holds.

    `frame` has the rows of the block, under the names that the reasons use.
    """
    rows = block.frame.height + block.malformed.height
    malformed = block.malformed.select(pl.lit(path).alias("file"), "row", "reason", "kind", "content")
    is_bad = frame.select(pl.any_horizontal(reason.holds.fill_null(False) for reason in reasons)).to_series()
    if not is_bad.any():
        return Table(frame, malformed, rows)
    letters = frame.select(
        pl.lit(path).alias("file"),
        block.rows.alias("row"),
        pl.coalesce(pl.when(reason.holds).then(reason.text) for reason in reasons).alias("reason"),
        pl.coalesce(pl.when(reason.holds).then(pl.lit(reason.kind)) for reason in reasons).alias("kind"),
        block.frame.select(pl.struct(pl.all()).alias("content")).to_series(),
    ).filter(is_bad)
    letters = letters.with_columns(pl.col("content").struct.json_encode())
    return Table(frame.filter(~is_bad), pl.concat([malformed, letters]).sort("row"), rows)
