"""Read the files of a table block by block, so that memory depends on the block and not on the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from interestflow.transforms.config import TableConfig
from interestflow.transforms.reading.delimited_text import DelimitedTextParser
from interestflow.transforms.reading.files import open_file
from interestflow.transforms.reading.json_lines import JsonLinesParser
from interestflow.transforms.reading.lines import has_quotes, whole_lines
from interestflow.transforms.reading.parquet import read_parquet
from interestflow.transforms.reading.row_numbers import Block, number_rows

BLOCK_BYTES = 1 << 23
"""Bytes of text in a block. Parsed, they take two to three times as much; larger blocks are not read any faster."""


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
    if table.format == "parquet":
        yield from read_parquet(path, columns, block_bytes)
        return
    parser = JsonLinesParser(path, columns) if table.format == "jsonl" else DelimitedTextParser(path, table, columns)
    rows_before = 0
    with open_file(path) as file:
        for chunk in whole_lines(file, path, block_bytes, has_quotes(table)):
            block = number_rows(parser.parse(chunk), rows_before)
            if block.row_count:
                yield block
            rows_before += block.row_count


def column_names(path: str, table: TableConfig) -> list[str]:
    """Return the names of a file's columns; of JSON Lines, the keys of its first lines."""
    for block in read_blocks(path, table, block_bytes=1 << 16):
        return block.frame.columns
    return []
