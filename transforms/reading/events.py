"""Read the interaction log: files to frames of usable events and dead letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import polars as pl

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.reading.blocks import BLOCK_BYTES, read_piece
from interestflow.transforms.reading.columns import ORDER, event_columns, extra_columns
from interestflow.transforms.reading.pieces import FilePiece
from interestflow.transforms.reading.row_checks import event_checks
from interestflow.transforms.reading.row_numbers import Block
from interestflow.transforms.reading.tables import Table, split_rows
from interestflow.transforms.reading.timestamps import parse_timestamps

FILE_SHIFT = 40
"""`order` is the index of the file times 2 ** 40 plus the position of the row in it, from 0."""


class EventsPart(NamedTuple):
    """Events of one or more pieces of the log.

    Attributes:
        table: the usable events, and the dead letters of the others.
        rows: number of rows read of each piece, those of earlier parts not included.
    """

    table: Table
    rows: Counter[FilePiece]


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
    for part in read_event_pieces([FilePiece(file_index, path)], config, block_bytes):
        yield part.table


def read_event_pieces(
    pieces: Iterable[FilePiece], config: IngestionConfig, block_bytes: int = BLOCK_BYTES
) -> Iterator[EventsPart]:
    """Yield the events of pieces of the log, as `read_events` does; small files share a block.

    The rows of a piece of a text file are numbered as `read_piece` numbers them, in `order` as in dead letters.

    Args:
        pieces: the pieces, in order.
        config: the columns and what they mean.
        block_bytes: approximate size of a block.

    Raises:
        TableError: if a file cannot be read, or lacks a column.
    """
    columns = list(event_columns(config))
    pending: list[tuple[FilePiece, Block]] = []
    size = 0.0
    for piece in pieces:
        for block in read_piece(piece, config.data.events, columns, block_bytes):
            if pending and (size >= block_bytes or block.frame.schema != pending[0][1].frame.schema):
                yield _check_events(pending, config)
                pending, size = [], 0.0
            pending.append((piece, block))
            size += block.frame.estimated_size()
    if pending:
        yield _check_events(pending, config)


def _check_events(blocks: list[tuple[FilePiece, Block]], config: IngestionConfig) -> EventsPart:
    """Join blocks of the log and split their rows into events and dead letters."""
    events, columns = config.data.events, event_columns(config)
    rows: Counter[FilePiece] = Counter()
    for piece, block in blocks:
        rows[piece] += block.row_count
    block = _join([_with_order(block, piece.file) for piece, block in blocks])
    frame = block.frame.select(
        pl.col(events.user).cast(pl.String).alias(USER),
        pl.col(events.item).cast(pl.String).alias(ITEM),
        parse_timestamps(block.frame.get_column(events.timestamp), events.timestamp_unit).alias(TIMESTAMP),
        block.rows.alias(ORDER),
        *(pl.col(column).alias(name) for column, name in columns.items()),
    )
    row_columns = [USER, ITEM, TIMESTAMP, ORDER, *extra_columns(config).values()]
    table = split_rows(frame, block, event_checks(config, columns), "", row_columns)
    paths = {piece.file: piece.path for piece, _ in blocks}
    return EventsPart(Table(table.frame, locate_rows(table.dead_letters, paths), table.rows), rows)


def locate_rows(dead_letters: pl.DataFrame, paths: dict[int, str]) -> pl.DataFrame:
    """Return dead letters with file and number of their row, in place of an `order` in the column `row`.

    Args:
        dead_letters: dead letters, as in `Table`.
        paths: the paths of the files, by their index.
    """
    if dead_letters.is_empty():
        return dead_letters
    file = (pl.col("row") // 2**FILE_SHIFT).replace_strict(paths, return_dtype=pl.String)
    return dead_letters.with_columns(file.alias("file"), (pl.col("row") % 2**FILE_SHIFT + 1).alias("row"))


def _with_order(block: Block, file: int) -> Block:
    """Return a block whose rows are numbered by file and position, from 0."""
    first = (file << FILE_SHIFT) - 1
    malformed = block.malformed
    if malformed.height:
        malformed = malformed.with_columns(pl.col("row") + first)
    return Block(block.frame, block.rows + first, malformed)


def _join(blocks: list[Block]) -> Block:
    """Join blocks of the same columns."""
    if len(blocks) == 1:
        return blocks[0]
    return Block(
        pl.concat([block.frame for block in blocks]).rechunk(),
        pl.concat([block.rows for block in blocks]).rechunk(),
        pl.concat([block.malformed for block in blocks]).rechunk(),
    )
