"""Read the interaction log: files to frames of usable events and dead letters."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.reading.blocks import BLOCK_BYTES, read_blocks
from interestflow.transforms.reading.columns import ORDER, event_columns, extra_columns
from interestflow.transforms.reading.row_checks import event_checks
from interestflow.transforms.reading.tables import Table, split_rows
from interestflow.transforms.reading.timestamps import parse_timestamps

FILE_SHIFT = 40
"""`order` is the index of the file times 2 ** 40 plus the position of the row in it, from 0."""


def read_events(path: str, file_index: int, config: IngestionConfig, block_bytes: int = BLOCK_BYTES) -> Iterator[Table]:
    """Yield the events of one file of the log, block by block.

    A frame has `user`, `item` (text), `timestamp` (microseconds since 1970), `order` (int64, by file and row) and those
    of the log's columns that are needed beyond these, under the names that `frame_column` gives them.

    Dead letters are rows without a user or item id, with a timestamp that cannot be read, of an unknown event type,
    with a label that cannot be read, or with text that is not UTF-8. Repeated rows are found later, once all rows of a
    user are together.

    Args:
        path: path of the file.
        file_index: index of the file among the log's files; with the row it orders simultaneous events.
        config: the columns and what they mean.
        block_bytes: approximate size of a block, as in `read_blocks`.

    Raises:
        TableError: if the file cannot be read, or lacks a column.
    """
    events = config.data.events
    columns = event_columns(config)
    row_columns = [USER, ITEM, TIMESTAMP, ORDER, *extra_columns(config).values()]
    checks = event_checks(config, columns)
    for block in read_blocks(path, events, list(columns), block_bytes):
        timestamps = parse_timestamps(block.frame.get_column(events.timestamp), events.timestamp_unit)
        frame = block.frame.select(
            pl.col(events.user).cast(pl.String).alias(USER),
            pl.col(events.item).cast(pl.String).alias(ITEM),
            timestamps.alias(TIMESTAMP),
            (block.rows - 1 + (file_index << FILE_SHIFT)).alias(ORDER),
            *(pl.col(column).alias(name) for column, name in columns.items()),
        )
        yield split_rows(frame, block, checks, path, row_columns)
