"""Reads the files of a table block by block, so that memory follows the block and not the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from interestflow.transforms.config import TableConfig
from interestflow.transforms.reading import delimited_text as separated_text
from interestflow.transforms.reading import json_lines
from interestflow.transforms.reading.files import TableError, first_line, opened, require_columns
from interestflow.transforms.reading.lines import Malformed

BLOCK_BYTES = 1 << 23
"""Of text. Parsed it takes two to three times as much; larger blocks are not read any faster."""
BYTES_PER_ROW = 64
"""What a row of an event log takes, roughly: so Parquet files are read in blocks of about the same size."""
MALFORMED_SCHEMA = {"row": pl.Int64, "reason": pl.String, "kind": pl.String, "content": pl.String}


@dataclass(frozen=True)
class Block:
    """Rows of a file that lie together.

    frame: the columns asked for. CSV, TSV and JSON Lines give text, null where there is none; Parquet its own types.
    rows: int64, the place in the file of each row of `frame`, from 1; headers and empty lines are not counted.
    malformed: `row`, `reason`, `kind` (the reason in general), `content` of rows that are none: with too few fields, a
        quote that is not closed, no JSON.
    """

    frame: pl.DataFrame
    rows: pl.Series
    malformed: pl.DataFrame


def read_blocks(
    path: str, table: TableConfig, columns: Sequence[str] | None = None, block_bytes: int = BLOCK_BYTES
) -> Iterator[Block]:
    """The blocks of one file, in order.

    In text files, bytes that are not UTF-8 become U+FFFD, the replacement character. How JSON writes a number makes no
    difference: 4 and 4.0 are both "4"; what is a list or an object there is its JSON text.

    Args:
        path: of a file, also compressed (`.gz`, `.zst`).
        table: how it is written.
        columns: those that are needed; all where None.
        block_bytes: about how much is read at a time. It changes nothing but the memory it takes.

    Raises:
        TableError: where the file is not what `table.format` says, or lacks a column.
    """
    if table.format == "parquet":
        yield from _parquet_blocks(path, columns, block_bytes)
        return
    with opened(path) as file:
        if table.format == "jsonl":
            parts = json_lines.parse(file, path, columns, block_bytes)
        else:
            parts = separated_text.parse(file, path, table, columns, block_bytes)
        seen = 0
        for frame, numbers, malformed in parts:
            yield _numbered(frame, numbers, malformed, seen)
            seen += frame.height + len(malformed)


def column_names(path: str, table: TableConfig) -> list[str]:
    """The columns that a file has; in JSON Lines, the keys of its first lines."""
    for block in read_blocks(path, table, block_bytes=1 << 16):
        return block.frame.columns
    return []


def _numbered(frame: pl.DataFrame, numbers: list[int] | None, malformed: list[Malformed], seen: int) -> Block:
    """With row numbers of the file, from those of the block (from 0; None where nothing is malformed)."""
    if numbers is None:
        rows = pl.int_range(seen + 1, seen + 1 + frame.height, dtype=pl.Int64, eager=True)
    else:
        rows = pl.Series(numbers, dtype=pl.Int64) + (seen + 1)
    letters = [(seen + 1 + bad.row, bad.reason, bad.kind, bad.content) for bad in malformed]
    return Block(frame, rows.alias("row"), pl.DataFrame(letters, schema=MALFORMED_SCHEMA, orient="row"))


def _parquet_blocks(path: str, columns: Sequence[str] | None, block_bytes: int) -> Iterator[Block]:
    with opened(path, seekable=True) as file:
        try:
            parquet = pq.ParquetFile(file)
            available = parquet.schema_arrow.names
            wanted = list(available if columns is None else columns)
            require_columns(available, wanted, path)
            seen = 0
            for batch in parquet.iter_batches(max(1, block_bytes // BYTES_PER_ROW), columns=wanted):
                frame = _as_frame(batch).select(wanted)
                yield _numbered(frame, None, [], seen)
                seen += frame.height
        except (pa.ArrowException, pl.exceptions.PolarsError) as error:
            raise TableError(f"{path} cannot be read as parquet: {first_line(error)}") from None


def _as_frame(batch: pa.RecordBatch) -> pl.DataFrame:
    """Text that was written without saying that it is text, as some writers do, becomes text."""
    frame = pl.DataFrame(pl.from_arrow(batch))
    return frame.with_columns(pl.col(pl.Binary).cast(pl.String))
