"""Read the files of a table block by block, so that memory depends on the block and not on the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO

from interestflow.transforms.config import TableConfig
from interestflow.transforms.reading.byte_ranges import ByteRange, open_range
from interestflow.transforms.reading.delimited_text import DelimitedTextParser
from interestflow.transforms.reading.files import open_file
from interestflow.transforms.reading.json_lines import JsonLinesParser
from interestflow.transforms.reading.lines import has_quotes, whole_lines
from interestflow.transforms.reading.parquet import read_parquet
from interestflow.transforms.reading.pieces import FilePiece
from interestflow.transforms.reading.row_numbers import Block, number_rows

BLOCK_BYTES = 1 << 23
"""Bytes of text in a block. Parsed, they take two to three times as much; larger blocks are not read any faster."""
HEAD_BYTES = 1 << 18
"""Bytes at the beginning of a file in which its header ends."""


def read_blocks(
    path: str, table: TableConfig, columns: Sequence[str] | None = None, block_bytes: int = BLOCK_BYTES
) -> Iterator[Block]:
    """Yield the blocks of one file, in order.

    In text files, bytes that are not UTF-8 become U+FFFD, the replacement character. The spelling of a number in JSON
    makes no difference: 4 and 4.0 are both "4"; a list or an object becomes its JSON text.

    Args:
        path: path of the file, which may be compressed (`.gz`, `.zst`).
        table: format of the file.
        columns: the columns to read; None for all.
        block_bytes: approximate size of a block. It changes nothing but the memory used.

    Raises:
        TableError: if the file is not what `table.format` says, or lacks a column.
    """
    yield from read_piece(FilePiece(0, path), table, columns, block_bytes)


def read_piece(
    piece: FilePiece, table: TableConfig, columns: Sequence[str] | None = None, block_bytes: int = BLOCK_BYTES
) -> Iterator[Block]:
    """Yield the blocks of one piece of a file, as `read_blocks` does.

    How many lines come before a piece of a text file is not known: its rows are numbered from `piece.start + 1`. They
    ascend over all pieces of a file, since a row has more than one byte.
    """
    if table.format == "parquet":
        yield from read_parquet(piece, columns, block_bytes)
        return
    path, quoted = piece.path, has_quotes(table)
    parser = JsonLinesParser(path, columns) if table.format == "jsonl" else DelimitedTextParser(path, table, columns)
    rows_before = piece.start
    with open_file(path) as file:
        stream: IO[bytes] | ByteRange | None = file
        if not piece.is_whole:
            if piece.start:
                parser.read_head(file.read(HEAD_BYTES))
            stream = open_range(file, piece, quoted)
        for chunk in whole_lines(stream, path, block_bytes, quoted) if stream is not None else ():
            block = number_rows(parser.parse(chunk), rows_before)
            if block.row_count:
                yield block
            rows_before += block.row_count


def column_names(path: str, table: TableConfig) -> list[str]:
    """Return the names of a file's columns; of JSON Lines, the keys of its first lines."""
    for block in read_blocks(path, table, block_bytes=1 << 16):
        return block.frame.columns
    return []
