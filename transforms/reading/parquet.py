"""Read Parquet files in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from interestflow.transforms.reading.files import TableError, first_line, missing_column, open_file
from interestflow.transforms.reading.row_numbers import Block, ParsedBlock, number_rows

BYTES_PER_ROW = 64
"""Rough size of a row of an event log as text, so that Parquet blocks are about as large as those of text files."""


def read_parquet(path: str, columns: Sequence[str] | None, block_bytes: int) -> Iterator[Block]:
    """Yield the blocks of one Parquet file, in order.

    Args:
        path: path of the file, which may be compressed as a whole.
        columns: the columns to read; None for all.
        block_bytes: approximate size of a block.

    Raises:
        TableError: if the file is not Parquet, or lacks a column.
    """
    with open_file(path, seekable=True) as file:
        try:
            parquet = pq.ParquetFile(file)
            available = parquet.schema_arrow.names
            wanted = list(available if columns is None else columns)
            for column in wanted:
                if column not in available:
                    raise missing_column(path, column, available)
            rows_before = 0
            for batch in parquet.iter_batches(max(1, block_bytes // BYTES_PER_ROW), columns=wanted):
                frame = _to_frame(batch).select(wanted)
                yield number_rows(ParsedBlock(frame, None, []), rows_before)
                rows_before += frame.height
        except (pa.ArrowException, pl.exceptions.PolarsError) as error:
            raise TableError(f"{path} cannot be read as parquet: {first_line(error)}") from None


def _to_frame(batch: pa.RecordBatch) -> pl.DataFrame:
    """Convert a batch to a frame; binary columns become text, since some writers do not mark text as such."""
    frame = pl.DataFrame(pl.from_arrow(batch))
    return frame.with_columns(pl.col(pl.Binary).cast(pl.String))
