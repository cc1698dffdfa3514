"""Sample of a log for its validation: all of it where reading takes seconds, otherwise the beginnings of some files."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.reading.events import read_events
from interestflow.transforms.reading.files import list_files, total_bytes
from interestflow.transforms.reading.tables import Table

WHOLE_BYTES = 256 * 2**20
"""Total size of the files up to which a log is read completely."""
FILES = 8
"""Files of a larger log that are read, evenly spaced."""
ROWS = 2_000_000
"""Rows of a larger log that are read, about equally many of each file."""


@dataclass(frozen=True)
class LogSample:
    """Events that were read.

    Attributes:
        blocks: usable events, a frame for each block of a file.
        dead_letters: unusable rows with their reasons.
        rows: number of rows that were read, usable or not.
        files: number of files of the log.
        part: which part of the log was read; None where it was read completely.
    """

    blocks: list[pl.DataFrame]
    dead_letters: pl.DataFrame
    rows: int
    files: int
    part: str | None


def read_sample(config: IngestionConfig, whole_bytes: int = WHOLE_BYTES, rows: int = ROWS) -> LogSample:
    """Read the log, or its beginning, or the beginnings of some of its files.

    Args:
        config: configuration of the log.
        whole_bytes: total size of the files, in bytes, up to which they are read to their end.
        rows: about how many rows of a larger log are read.

    Raises:
        TableError: if the log cannot be read or lacks a column.
    """
    files = list_files(config.data.events, config.data.folder)
    size = total_bytes(files)
    is_whole = size <= whole_bytes
    numbered = list(enumerate(files))
    sampled = numbered if is_whole else numbered[:: -(-len(files) // FILES)]
    tables: list[Table] = []
    for index, path in sampled:
        rows_of_file = 0
        for table in read_events(path, index, config):
            tables.append(table)
            rows_of_file += table.rows
            if not is_whole and rows_of_file >= rows / len(sampled):
                break
    rows_read = sum(table.rows for table in tables)
    part = f"the first rows, {rows_read:,}, of {len(sampled)} of {len(files)} files ({size / 1e6:,.0f} MB)"
    dead_letters = [table.dead_letters for table in tables]
    return LogSample(
        [table.frame for table in tables],
        pl.concat(dead_letters) if dead_letters else pl.DataFrame(),
        rows_read,
        len(files),
        None if is_whole else part,
    )
