"""Parses JSON Lines: an object a line, its values as text."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from typing import IO, Any, NoReturn

import polars as pl

from interestflow.transforms.reading.files import first_line, require_columns
from interestflow.transforms.reading.lines import Malformed, Parsed, whole_lines

KIND = "not a JSON object"
LOOKED_AT = 1000
"""Lines of a file in which a key should appear to be taken for one of its columns."""


def parse(
    file: IO[bytes],
    path: str,
    columns: Sequence[str] | None,
    block_bytes: int,
) -> Iterator[Parsed]:
    """Frames of text columns with the places of their rows (None: all of the block) and what is malformed.

    A key that an object lacks is null there, as is JSON's null.
    """
    wanted = None if columns is None else list(columns)
    checked = False
    for data in whole_lines(file, path, block_bytes, quoted=False):
        if not checked:
            keys = _keys(data)
            # Rare keys are not among the first lines' but somewhere in the block.
            keys += [column for column in wanted or [] if column not in keys and json.dumps(column).encode() in data]
            require_columns(keys, wanted or [], path)
            wanted = keys if wanted is None else wanted
            checked = True
        yield _parsed(data, wanted or [])


def _parsed(data: bytes, columns: list[str]) -> Parsed:
    schema = dict.fromkeys(columns, pl.String)
    try:
        return pl.read_ndjson(io.BytesIO(data), schema=schema), None, []
    except pl.exceptions.PolarsError:
        return _line_by_line(data, schema)


def _line_by_line(data: bytes, schema: dict[str, Any]) -> Parsed:
    """For a block in which some line is no JSON object."""
    good: list[tuple[int, bytes]] = []
    malformed = []
    for row, line in enumerate(line for line in data.split(b"\n") if line.strip()):
        reason = _why_not_an_object(line)
        if reason is None:
            good.append((row, line))
        else:
            malformed.append(Malformed.of(row, f"{KIND}: {reason}", KIND, line))
    frames, refused = _in_parts(good, schema)
    lost = {bad.row for bad in refused}
    rows = [row for row, _ in good if row not in lost]
    return pl.concat([pl.DataFrame(schema=schema), *frames]), rows, sorted([*malformed, *refused])


def _in_parts(lines: list[tuple[int, bytes]], schema: dict[str, Any]) -> tuple[list[pl.DataFrame], list[Malformed]]:
    """Halves what Polars refuses until it is a single line: one that it reads otherwise than Python's parser does."""
    try:
        return [pl.read_ndjson(io.BytesIO(b"\n".join(line for _, line in lines)), schema=schema)], []
    except pl.exceptions.PolarsError as error:
        if len(lines) == 1:
            row, line = lines[0]
            return [], [Malformed.of(row, f"{KIND}: {first_line(error)}", KIND, line)]
    middle = len(lines) // 2
    first, second = _in_parts(lines[:middle], schema), _in_parts(lines[middle:], schema)
    return first[0] + second[0], first[1] + second[1]


def _why_not_an_object(line: bytes) -> str | None:
    try:
        value = json.loads(line, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        return "not UTF-8"
    except json.JSONDecodeError as error:
        return f"{error.msg} at character {error.pos + 1}"
    except (ValueError, RecursionError) as error:
        return str(error)
    return None if isinstance(value, dict) else f"it is a {type(value).__name__}"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _keys(data: bytes) -> list[str]:
    """The keys of the first lines, in the order in which they appear."""
    keys: dict[str, None] = {}
    for line in data.split(b"\n", LOOKED_AT)[:LOOKED_AT]:
        if line.strip() and _why_not_an_object(line) is None:
            keys |= dict.fromkeys(json.loads(line))
    return list(keys)
