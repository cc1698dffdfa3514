"""Reads the input tables into Polars frames and sets aside the rows that cannot be used."""

from __future__ import annotations

import difflib
import gzip
import io
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from transforms.conditions import columns_of, is_readable
from transforms.config import EntitiesConfig, EventsConfig, IngestionConfig, TableConfig
from transforms.feature_names import ITEM, TIMESTAMP, USER

MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
ORDER = "order"
"""Column of events: file and row, so that simultaneous events keep the order that they were written in."""
ENTITY = "id"
"""Column of items and users: the id that events refer to."""
DEAD_LETTER_SCHEMA = {"file": pl.String, "row": pl.Int64, "reason": pl.String, "content": pl.String}
UNIT_SEPARATOR = "\x1f"


class TableError(Exception):
    """An input that cannot be read as the configuration says; the message says what was expected and what came."""


@dataclass(frozen=True)
class Table:
    """The usable rows of a table, and the others.

    frame: what can be used.
    dead_letters: `file`, `row` (from 1, header lines not counted), `reason` and `content` (JSON) of what cannot.
    rows: how many there were in all.
    """

    frame: pl.DataFrame
    dead_letters: pl.DataFrame
    rows: int


def list_files(table: TableConfig, folder: str | None) -> list[str]:
    """The files of a table, sorted.

    Raises:
        TableError: where there are none.
    """
    is_absolute = "://" in table.path or table.path.startswith("/")
    pattern = table.path if is_absolute or folder is None else f"{folder.rstrip('/')}/{table.path}"
    try:
        (match,) = FileSystems.match([pattern])
    except Exception as error:  # each file system has errors of its own
        raise TableError(f"{pattern} cannot be listed: {error}") from None
    files = sorted(file.path for file in match.metadata_list)
    if not files:
        raise TableError(f"no file matches {pattern}")
    return files


def read_file(path: str, table: TableConfig) -> pl.DataFrame:
    """One file, all columns. Text files give text columns; the other formats their own types.

    Raises:
        TableError: where the file is not what `table.format` says.
    """
    try:
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            content = file.read()
        if path.endswith(".gz"):
            content = gzip.decompress(content)
        if table.format == "parquet":
            return pl.read_parquet(io.BytesIO(content))
        if table.format == "jsonl":
            return pl.read_ndjson(io.BytesIO(content), infer_schema_length=None)
        return _read_text(content, table)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise TableError(f"{path} cannot be read as {table.format}: {reason}") from None


def _read_text(content: bytes, table: TableConfig) -> pl.DataFrame:
    separator = table.separator or ("\t" if table.format == "tsv" else ",")
    if len(separator) > 1:  # Polars takes one character; this one is in no text that a person wrote
        content = content.replace(separator.encode(), UNIT_SEPARATOR.encode())
        separator = UNIT_SEPARATOR
    return pl.read_csv(
        io.BytesIO(content),
        separator=separator,
        has_header=table.column_names is None,
        new_columns=list(table.column_names) if table.column_names else None,
        quote_char='"' if table.format == "csv" and separator != UNIT_SEPARATOR else None,
        infer_schema=False,
        encoding="utf8-lossy",
    )


def available_columns(table: TableConfig, folder: str | None) -> list[str]:
    """The columns that the table's first file has."""
    return read_file(list_files(table, folder)[0], table).columns


def require_columns(frame: pl.DataFrame, wanted: Iterable[str], path: str) -> None:
    """Raises a TableError that names the first column that is missing, and those most like it."""
    for column in wanted:
        if column not in frame.columns:
            near = difflib.get_close_matches(column, frame.columns, n=3, cutoff=0.4) or frame.columns
            raise TableError(f"{path} should have a column `{column}`, received {', '.join(near)}")


def event_columns(config: IngestionConfig) -> list[str]:
    """The columns of the log that the configuration uses."""
    events = config.data.events
    conditions = [condition for task in config.tasks for condition in (task.label, task.mask) if condition]
    columns = [events.user, events.item, events.timestamp, events.event_type, events.true_probability]
    columns += [column for condition in (*conditions, config.sequence.behaviours) for column in columns_of(condition)]
    columns += [a.source_column for a in config.features.attributes if a.source == "events"]
    return list(dict.fromkeys(column for column in columns if column is not None))


def read_events(path: str, number: int, config: IngestionConfig) -> Table:
    """One file of the log: `user`, `item` (text), `timestamp` (microseconds), `order`, and the log's own columns.

    A row without user or item id, with a timestamp that cannot be read, of an unknown event type, or whose label cannot
    be read, is a dead letter. Repeated rows are found later, where all rows of a user are together.

    Args:
        path: the file.
        number: of the file among the log's files; with the row it orders simultaneous events.
        config: which columns are what.
    """
    events = config.data.events
    columns = event_columns(config)
    raw = read_file(path, events)
    require_columns(raw, columns, path)
    raw = raw.select(columns)
    frame = raw.with_columns(
        pl.col(events.user).cast(pl.String).alias("__user"),
        pl.col(events.item).cast(pl.String).alias("__item"),
        _microseconds(raw, events).alias("__timestamp"),
        (pl.int_range(pl.len(), dtype=pl.Int64) + (number << 40)).alias(ORDER),
    )
    reasons = [
        (_is_absent("__user"), pl.lit(f"no user id in `{events.user}`")),
        (_is_absent("__item"), pl.lit(f"no item id in `{events.item}`")),
        (
            pl.col("__timestamp").is_null(),
            pl.format(
                "timestamp {} in `{}` cannot be read as {}",
                pl.col(events.timestamp).cast(pl.String).fill_null("(none)"),
                pl.lit(events.timestamp),
                pl.lit(events.timestamp_unit),
            ),
        ),
    ]
    if events.event_type and events.event_types:
        known = pl.col(events.event_type).cast(pl.String).is_in(list(events.event_types)).fill_null(False)
        shown = pl.col(events.event_type).cast(pl.String).fill_null("(none)")
        reasons.append((~known, pl.format("event type {} is not among `data.events.event_types`", shown)))
    for task in config.tasks:
        for column in columns_of(task.label):
            unreadable = ~is_readable(task.label)
            if task.mask is not None:
                continue
            shown = pl.col(column).cast(pl.String).fill_null("(none)")
            reasons.append(
                (unreadable, pl.format("label of task {}: {} in `{}`", pl.lit(task.name), shown, pl.lit(column)))
            )
    table = _separate(frame, reasons, path, columns)
    renamed = table.frame.drop(
        [c for c in (events.user, events.item, events.timestamp) if c in (USER, ITEM, TIMESTAMP)]
    )
    renamed = renamed.rename({"__user": USER, "__item": ITEM, "__timestamp": TIMESTAMP})
    return Table(renamed, table.dead_letters, table.rows)


def read_entities(table: EntitiesConfig, folder: str | None, columns: Iterable[str]) -> Table:
    """Items or users: `id` (text) and the given columns. Rows without id, and repeated ids, are dead letters."""
    wanted = list(dict.fromkeys([table.id, *columns]))
    parts = []
    for path in list_files(table, folder):
        raw = read_file(path, table)
        require_columns(raw, wanted, path)
        frame = raw.select(wanted).with_columns(pl.col(table.id).cast(pl.String).alias("__id"))
        parts.append(_separate(frame, [(_is_absent("__id"), pl.lit(f"no id in `{table.id}`"))], path, wanted))
    frame = pl.concat([part.frame for part in parts], how="vertical_relaxed")
    repeated = frame.filter(~pl.col("__id").is_first_distinct())
    letters = repeated.select(
        pl.lit(table.path).alias("file"),
        pl.lit(None, pl.Int64).alias("row"),
        pl.format("id {} is given twice; the first is used", pl.col("__id")).alias("reason"),
        pl.struct(wanted).struct.json_encode().alias("content"),
    )
    usable = frame.filter(pl.col("__id").is_first_distinct())
    usable = usable.drop([ENTITY]) if ENTITY in usable.columns else usable
    dead_letters = pl.concat([*(part.dead_letters for part in parts), letters], how="vertical_relaxed")
    return Table(usable.rename({"__id": ENTITY}), dead_letters, sum(part.rows for part in parts))


def _is_absent(column: str) -> pl.Expr:
    return pl.col(column).is_null() | (pl.col(column) == "")


def _microseconds(frame: pl.DataFrame, events: EventsConfig) -> pl.Expr:
    column = pl.col(events.timestamp)
    kind = frame.schema[events.timestamp]
    if kind == pl.Date or isinstance(kind, pl.Datetime):
        return column.dt.timestamp("us")
    if events.timestamp_unit == "iso8601":
        return column.cast(pl.String).str.to_datetime(time_unit="us", time_zone="UTC", strict=False).dt.timestamp("us")
    whole, decimal = column.cast(pl.Int64, strict=False), column.cast(pl.Float64, strict=False)
    decimal = pl.when(decimal.is_finite()).then(decimal)
    if events.timestamp_unit == "ns":
        return pl.coalesce(whole // 1000, (decimal / 1000).cast(pl.Int64, strict=False))
    factor = MICROSECONDS[events.timestamp_unit]
    if kind.is_float():
        return (decimal * factor).round().cast(pl.Int64, strict=False)
    return pl.coalesce(whole * factor, (decimal * factor).round().cast(pl.Int64, strict=False))


def _separate(frame: pl.DataFrame, reasons: list[tuple[pl.Expr, pl.Expr]], path: str, content: list[str]) -> Table:
    """Splits usable rows from the others; a row is given the first reason that holds."""
    reason = pl.coalesce(pl.when(condition).then(text) for condition, text in reasons)
    judged = frame.with_columns(reason.alias("reason"), pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row"))
    letters = judged.filter(pl.col("reason").is_not_null()).select(
        pl.lit(path).alias("file"), "row", "reason", pl.struct(content).struct.json_encode().alias("content")
    )
    usable = judged.filter(pl.col("reason").is_null()).drop("reason", "row")
    return Table(usable, letters.cast(DEAD_LETTER_SCHEMA), frame.height)  # type: ignore[arg-type]
