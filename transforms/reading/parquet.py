"""Read Parquet files in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from interestflow.transforms.reading.files import TableError, first_line, missing_column, open_file
from interestflow.transforms.reading.pieces import FilePiece
from interestflow.transforms.reading.row_numbers import Block, ParsedBlock, number_rows

BYTES_PER_ROW = 64
"""Rough size of a row of an event log as text, so that Parquet blocks are about as large as those of text files."""


def read_parquet(piece: FilePiece, columns: Sequence[str] | None, block_bytes: int) -> Iterator[Block]:
    """Yield the blocks of one piece of a Parquet file, in order: those of the row groups that begin in its range.

    Args:
        piece: piece of a file; a whole file may be compressed.
        columns: the columns to read; None for all.
        block_bytes: approximate size of a block.

    Raises:
        TableError: if the file is not Parquet, or lacks a column.
    """
    path = piece.path
    with open_file(path, seekable=True) as file:
        try:
            parquet = pq.ParquetFile(file)
            available = parquet.schema_arrow.names
            wanted = list(available if columns is None else columns)
            for column in wanted:
                if column not in available:
                    raise missing_column(path, column, available)
            groups, rows_before = _row_groups(parquet.metadata, piece)
            batch_rows = max(1, block_bytes // BYTES_PER_ROW)
            for batch in parquet.iter_batches(batch_rows, groups, columns=wanted) if groups else ():
                frame = _to_frame(batch).select(wanted)
                yield number_rows(ParsedBlock(frame, None, []), rows_before)
                rows_before += frame.height
        except (pa.ArrowException, pl.exceptions.PolarsError) as error:
            raise TableError(f"{path} cannot be read as parquet: {first_line(error)}") from None


def _row_groups(metadata: pq.FileMetaData, piece: FilePiece) -> tuple[list[int], int]:
    """Return the row groups of a piece, which follow one another, and the number of rows before them."""
    end, rows = 0, 0
    groups: list[int] = []
    rows_before = 0
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        if piece.step is None or piece.start <= end < piece.start + piece.step:
            rows_before = rows_before if groups else rows
            groups.append(index)
        # The sum of the sizes ascends where the offsets that a writer gives might not.
        end += sum(group.column(column).total_compressed_size for column in range(group.num_columns))
        rows += group.num_rows
    return groups, rows_before


def _to_frame(batch: pa.RecordBatch) -> pl.DataFrame:
    """Convert a batch to a frame; binary columns become text, since some writers do not mark text as such."""
    frame = pl.DataFrame(pl.from_arrow(batch))
    return frame.with_columns(pl.col(pl.Binary).cast(pl.String))
