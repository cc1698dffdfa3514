"""What validation reads of a log: all of it where that takes seconds, otherwise a part that it names."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.reading.events import read_events
from interestflow.transforms.reading.files import list_files, total_bytes
from interestflow.transforms.reading.tables import Table

WHOLE_BYTES = 256 * 2**20
"""A log of files up to this size is read whole."""
FILES = 8
ROWS = 2_000_000


@dataclass(frozen=True)
class LogSample:
    """The events that were read. `part` says what of the log they are; None where they are all of it."""

    blocks: list[pl.DataFrame]
    dead_letters: pl.DataFrame
    rows: int
    files: int
    part: str | None


def read_sample(config: IngestionConfig, whole_bytes: int = WHOLE_BYTES, rows: int = ROWS) -> LogSample:
    """Reads the log, or its beginning, or the beginnings of some of its files.

    Args:
        config: which log.
        whole_bytes: of files that are read to their end.
        rows: about how many are read of larger ones.

    Raises:
        TableError: where the log cannot be read, or lacks a column.
    """
    files = list_files(config.data.events, config.data.folder)
    size = total_bytes(files)
    is_whole = size <= whole_bytes
    numbered = list(enumerate(files))
    chosen = numbered if is_whole else numbered[:: -(-len(files) // FILES)]
    tables: list[Table] = []
    for number, path in chosen:
        seen = 0
        for table in read_events(path, number, config):
            tables.append(table)
            seen += table.rows
            if not is_whole and seen >= rows / len(chosen):
                break
    read = sum(table.rows for table in tables)
    part = f"the first rows, {read:,}, of {len(chosen)} of {len(files)} files ({size / 1e6:,.0f} MB)"
    letters = [table.dead_letters for table in tables]
    return LogSample(
        [table.frame for table in tables],
        pl.concat(letters) if letters else pl.DataFrame(),
        read,
        len(files),
        None if is_whole else part,
    )
