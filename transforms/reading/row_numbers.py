"""Rows of one block of a file, with their numbers in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

MAX_SHOWN_CHARACTERS = 500
"""Characters of a malformed row that its dead letter keeps."""
MALFORMED_SCHEMA = {"row": pl.Int64, "reason": pl.String, "kind": pl.String, "content": pl.String}

NO_MALFORMED = pl.DataFrame(schema=MALFORMED_SCHEMA)


class MalformedRow(NamedTuple):
    """A line that could not be parsed as a row.

    Attributes:
        position: position among the rows of its block, from 0.
        reason: why it could not be parsed.
        kind: the reason without the offending value.
        content: the bytes of the line.
    """

    position: int
    reason: str
    kind: str
    content: bytes


class ParsedBlock(NamedTuple):
    """Result of parsing one block of a file.

    Attributes:
        frame: the rows that could be parsed.
        positions: the position of each of them in the block, from 0; None if the block has no malformed row.
        malformed: the lines that could not be parsed.
    """

    frame: pl.DataFrame
    positions: list[int] | None
    malformed: list[MalformedRow]


@dataclass(frozen=True)
class Block:
    """Consecutive rows of a file.

    Attributes:
        frame: the requested columns. CSV, TSV and JSON Lines give text, with null for an absent value; Parquet keeps
            its own types.
        rows: int64, the number of each row of `frame` in the file, from 1; headers and empty lines are not counted.
        malformed: `row`, `reason`, `kind` (the reason without the offending value) and `content` of lines that could
            not be parsed: too few fields, a quote that is never closed, text that is not JSON.
    """

    frame: pl.DataFrame
    rows: pl.Series
    malformed: pl.DataFrame

    @property
    def row_count(self) -> int:
        """All rows of the block, the malformed ones included."""
        return self.frame.height + self.malformed.height


def number_rows(parsed: ParsedBlock, rows_before: int) -> Block:
    """Add the number of each row in its file.

    Args:
        parsed: the block.
        rows_before: rows of the file before this block, the malformed ones included.
    """
    first = rows_before + 1
    if parsed.positions is None:
        rows = pl.int_range(first, first + parsed.frame.height, dtype=pl.Int64, eager=True)
    else:
        rows = pl.Series(parsed.positions, dtype=pl.Int64) + first
    malformed = [(first + row.position, row.reason, row.kind, _shown(row.content)) for row in parsed.malformed]
    frame = pl.DataFrame(malformed, schema=MALFORMED_SCHEMA, orient="row") if malformed else NO_MALFORMED
    return Block(parsed.frame, rows.alias("row"), frame)


def _shown(content: bytes) -> str:
    """Return the text of a malformed line without its line end, cut to what a dead letter keeps."""
    return content.decode("utf-8", "replace").strip("\r\n")[:MAX_SHOWN_CHARACTERS]
