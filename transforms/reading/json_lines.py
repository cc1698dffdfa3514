"""Parse JSON Lines: one object per line, its values as text."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import polars as pl

from interestflow.transforms.reading.files import first_line, missing_column
from interestflow.transforms.reading.row_numbers import MalformedRow, ParsedBlock

KIND = "not a JSON object"
SAMPLED_LINES = 1000
"""A key that occurs in this many first lines of a file is one of its columns."""

Schema = dict[str, type[pl.String]]
NumberedLines = list[tuple[int, bytes]]
"""Lines with their positions in the block."""


@dataclass
class JsonLinesParser:
    """Parser of the chunks of one file, which it is given in order.

    A key that an object lacks is null, as is JSON's null.

    Args:
        path: path of the file, for error messages.
        columns: the keys to read; None for those of the first lines.
    """

    path: str
    columns: Sequence[str] | None
    _schema: Schema | None = field(default=None, init=False)

    def parse(self, chunk: bytes) -> ParsedBlock:
        """Parse a chunk of whole lines.

        Raises:
            TableError: if the first chunk lacks a column.
        """
        if self._schema is None:
            self._schema = dict.fromkeys(self._find_columns(chunk), pl.String)
        try:
            return ParsedBlock(pl.read_ndjson(io.BytesIO(chunk), schema=self._schema), None, [])
        except pl.exceptions.PolarsError:
            return _parse_line_by_line(chunk, self._schema)

    def read_head(self, head: bytes) -> None:
        """Prepare to parse chunks from the middle of the file; the piece with its beginning checks the columns."""
        self._schema = dict.fromkeys(_first_keys(head) if self.columns is None else self.columns, pl.String)

    def _find_columns(self, chunk: bytes) -> list[str]:
        """Return the columns to read, after checking that the first chunk has them."""
        keys = _first_keys(chunk)
        if self.columns is None:
            return keys
        # A rare key is not in the first lines but somewhere in the chunk.
        keys += [name for name in self.columns if name not in keys and json.dumps(name).encode() in chunk]
        for name in self.columns:
            if name not in keys:
                raise missing_column(self.path, name, keys)
        return list(self.columns)


def _first_keys(chunk: bytes) -> list[str]:
    """Return the keys of the first lines, in the order in which they appear."""
    keys: dict[str, None] = {}
    for line in chunk.split(b"\n", SAMPLED_LINES)[:SAMPLED_LINES]:
        if line.strip() and _syntax_error(line) is None:
            keys |= dict.fromkeys(json.loads(line))
    return list(keys)


def _parse_line_by_line(chunk: bytes, schema: Schema) -> ParsedBlock:
    """Parse a chunk in which some line is not a JSON object."""
    objects: NumberedLines = []
    malformed = []
    for position, line in enumerate(line for line in chunk.split(b"\n") if line.strip()):
        reason = _syntax_error(line)
        if reason is None:
            objects.append((position, line))
        else:
            malformed.append(MalformedRow(position, f"{KIND}: {reason}", KIND, line))
    frames, rejected = _parse_by_halves(objects, schema)
    rejected_positions = {row.position for row in rejected}
    positions = [position for position, _ in objects if position not in rejected_positions]
    return ParsedBlock(pl.concat([pl.DataFrame(schema=schema), *frames]), positions, sorted([*malformed, *rejected]))


def _parse_by_halves(lines: NumberedLines, schema: Schema) -> tuple[list[pl.DataFrame], list[MalformedRow]]:
    """Parse lines, halving a group with errors down to the lines that Polars, unlike Python's parser, rejects."""
    try:
        return [pl.read_ndjson(io.BytesIO(b"\n".join(line for _, line in lines)), schema=schema)], []
    except pl.exceptions.PolarsError as error:
        if len(lines) == 1:
            position, line = lines[0]
            return [], [MalformedRow(position, f"{KIND}: {first_line(error)}", KIND, line)]
    middle = len(lines) // 2
    first, second = _parse_by_halves(lines[:middle], schema), _parse_by_halves(lines[middle:], schema)
    return first[0] + second[0], first[1] + second[1]


def _syntax_error(line: bytes) -> str | None:
    """Return why a line is not a JSON object; None if it is one."""
    try:
        value = json.loads(line, parse_constant=_reject_constant)
    except UnicodeDecodeError:
        return "not UTF-8"
    except json.JSONDecodeError as error:
        return f"{error.msg} at character {error.pos + 1}"
    except (ValueError, RecursionError) as error:
        return str(error)
    return None if isinstance(value, dict) else f"it is a {type(value).__name__}"


def _reject_constant(name: str) -> NoReturn:
    """Reject NaN and the infinities, which Python reads and JSON does not have."""
    raise ValueError(f"{name} is not JSON")
