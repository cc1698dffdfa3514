"""Parses text whose fields have something between them: CSV, TSV, and the like."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import polars as pl

from interestflow.transforms.config import TableConfig
from interestflow.transforms.reading.files import TableError, require_columns
from interestflow.transforms.reading.lines import LONGEST_RECORD, Malformed, Parsed, whole_lines

UNIT_SEPARATOR = "\x1f"
KIND = "not a line of the table"
PIECE_BYTES = 1 << 18
LONGEST_RECORD_LINES = 1000
csv.field_size_limit(LONGEST_RECORD)


@dataclass(frozen=True)
class _Form:
    """How fields are told apart, and which of them are wanted. `names`: of all fields of a line, in order."""

    names: list[str]
    wanted: list[str]
    separator: str
    given_separator: str
    is_quoted: bool


def parse(
    file: IO[bytes],
    path: str,
    table: TableConfig,
    columns: Sequence[str] | None,
    block_bytes: int,
) -> Iterator[Parsed]:
    """Frames of text columns with the places of their rows (None: all of the block) and what is malformed.

    An empty field is null. Only `csv` has quotes, as RFC 4180 says: double, a doubled one inside standing for itself.
    """
    separator = table.separator or ("\t" if table.format == "tsv" else ",")
    given = separator
    if len(separator) > 1:  # Polars takes one character; this one is in no text that a person wrote
        separator = UNIT_SEPARATOR
    is_quoted = table.format == "csv" and separator != UNIT_SEPARATOR
    form = None
    for data in whole_lines(file, path, block_bytes, is_quoted):
        if separator == UNIT_SEPARATOR:
            data = data.replace(given.encode(), UNIT_SEPARATOR.encode())
        if form is None:
            data = data.removeprefix(b"\xef\xbb\xbf")
            names = None if table.column_names is None else list(table.column_names)
            if names is None:
                names, data = _header(path, data, separator, is_quoted)
            wanted = names if columns is None else list(columns)
            require_columns(names, wanted, path)
            for name in wanted:
                if names.count(name) > 1:
                    raise TableError(f"{path} should have one column `{name}`, received {names.count(name)}")
            form = _Form(names, wanted, separator, given, is_quoted)
        if data.strip(b"\r\n"):
            yield _parsed(data, form)


def _header(path: str, data: bytes, separator: str, is_quoted: bool) -> tuple[list[str], bytes]:
    """The names of the first line that is not empty, and what follows it. A column without a name gets a number."""
    data = data.lstrip(b"\r\n")
    end = data.find(b"\n") + 1 or len(data)
    while is_quoted and data.count(b'"', 0, end) % 2 == 1 and end < len(data):
        end = data.find(b"\n", end) + 1 or len(data)
    try:
        names = _split(data[:end], separator, is_quoted)
    except csv.Error as error:
        raise TableError(f"{path} should begin with the names of its columns: {error}") from None
    return [name or f"column_{number}" for number, name in enumerate(names, start=1)], data[end:]


def _parsed(data: bytes, form: _Form) -> Parsed:
    """A block at once; where something in it is malformed, in pieces, and only a piece that is at fault by lines."""
    frame = _parsed_at_once(data, form)
    if frame is not None:
        return frame, None, []
    if len(data) <= PIECE_BYTES:
        return _line_by_line(data, form)
    frames: list[pl.DataFrame] = []
    numbers: list[int] = []
    malformed: list[Malformed] = []
    for piece in whole_lines(io.BytesIO(data), "", PIECE_BYTES, form.is_quoted):
        seen = len(numbers) + len(malformed)
        frame, places, bad = _parsed(piece, form) if len(piece) < len(data) else _line_by_line(piece, form)
        frames.append(frame)
        numbers += [seen + place for place in (range(frame.height) if places is None else places)]
        malformed += [mistake._replace(row=seen + mistake.row) for mistake in bad]
    return pl.concat(frames), numbers, malformed


def _parsed_at_once(data: bytes, form: _Form) -> pl.DataFrame | None:
    """None where a line is malformed, or empty."""
    has_quotes = form.is_quoted and b'"' in data
    places = [form.names.index(name) for name in form.wanted]
    width = len(form.names)
    numbered = [str(place) for place in range(width)]
    try:
        frame = pl.read_csv(
            io.BytesIO(data),
            has_header=False,
            separator=form.separator,
            schema=dict.fromkeys(numbered, pl.String),
            columns=None if has_quotes else sorted(set(places)),
            quote_char='"' if form.is_quoted else None,
            encoding="utf8-lossy",
        )
    except pl.exceptions.PolarsError:  # too many fields, or quotes that do not match
        return None
    # Polars fills up lines with too few fields; that there are as many separators as there should be rules them out.
    inside = 0
    if has_quotes:
        inside = sum(frame.select(pl.all().str.count_matches(form.separator, literal=True).sum()).row(0))
    if data.count(form.separator.encode()) != frame.height * (width - 1) + inside:
        return None
    frame = frame.select(pl.col(str(place)).alias(name) for place, name in zip(places, form.wanted, strict=True))
    if has_quotes and b'""' in data:
        frame = frame.with_columns(pl.when(pl.all() != "").then(pl.all()))
    return frame


def _line_by_line(data: bytes, form: _Form) -> Parsed:
    """For a block in which some line is malformed, or empty."""
    places = [form.names.index(name) for name in form.wanted]
    rows: list[list[str | None]] = []
    numbers: list[int] = []
    malformed: list[Malformed] = []
    for record, fields in _records(data.split(b"\n"), form):
        number = len(numbers) + len(malformed)
        if isinstance(fields, str):
            shown = record.replace(form.separator.encode(), form.given_separator.encode())
            malformed.append(Malformed.of(number, fields, KIND, shown))
        else:
            rows.append([fields[place] or None for place in places])
            numbers.append(number)
    schema = {str(place): pl.String for place in range(len(places))}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.rename(dict(zip(frame.columns, form.wanted, strict=True))), numbers, malformed


def _records(lines: list[bytes], form: _Form) -> Iterator[tuple[bytes, list[str] | str]]:
    """Lines that are not empty, with their fields, or why they have none; quotes may hold ends of lines.

    Where a quote is never closed, or what it holds makes no record, its line stands alone: a single quote too many
    costs a line and not the rest of the file.
    """
    place = 0
    while place < len(lines):
        record, stop = lines[place], place + 1
        if record.strip(b"\r"):
            fields = _fields(record, form)
            closing = _closing(lines, place) if form.is_quoted and record.count(b'"') % 2 == 1 else None
            if closing is not None:
                joined = b"\n".join(lines[place : closing + 1])
                if not isinstance(of_joined := _fields(joined, form), str):
                    record, fields, stop = joined, of_joined, closing + 1
            yield record, fields
        place = stop


def _closing(lines: list[bytes], start: int) -> int | None:
    """The line that closes the quote which `start` leaves open; None where it is too far away."""
    size = len(lines[start])
    for place in range(start + 1, min(start + LONGEST_RECORD_LINES, len(lines))):
        size += len(lines[place])
        if size > LONGEST_RECORD:
            return None
        if lines[place].count(b'"') % 2 == 1:
            return place
    return None


def _fields(record: bytes, form: _Form) -> list[str] | str:
    """The fields of a line, or why it has none."""
    try:
        fields = _split(record, form.separator, form.is_quoted)
    except csv.Error as error:
        return f"not a line of CSV: {error}"
    if len(fields) == len(form.names):
        return fields
    return f"{len(fields)} field{'s' * (len(fields) != 1)} in a line, not {len(form.names)}"


def _split(record: bytes, separator: str, is_quoted: bool) -> list[str]:
    text = record.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
    return next(csv.reader([text], delimiter=separator, strict=True)) if is_quoted else text.split(separator)
