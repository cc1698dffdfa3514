"""Parse text whose fields are separated by one or more characters: CSV, TSV, and the like."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from interestflow.transforms.config import TableConfig
from interestflow.transforms.reading.files import TableError, missing_column
from interestflow.transforms.reading.lines import MAX_RECORD_BYTES, has_quotes, whole_lines
from interestflow.transforms.reading.row_numbers import MalformedRow, ParsedBlock

UNIT_SEPARATOR = "\x1f"
KIND = "not a line of the table"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
PIECE_BYTES = 1 << 18
"""Size of the pieces into which a chunk with a malformed line is cut, so that few lines are parsed one by one."""
MAX_RECORD_LINES = 1000
csv.field_size_limit(MAX_RECORD_BYTES)


@dataclass(frozen=True)
class _Layout:
    """How fields are separated, and which of them to read.

    Attributes:
        names: names of all fields of a line, in order.
        wanted: names of the fields to read.
        separator: the one character between fields.
        written_separator: the separator as it is in the file, which may be several characters.
        is_quoted: whether a field may be quoted.
    """

    names: list[str]
    wanted: list[str]
    separator: str
    written_separator: str
    is_quoted: bool


@dataclass
class DelimitedTextParser:
    """Parser of the chunks of one file, which it is given in order.

    An empty field is null. Only `csv` has quotes, as in RFC 4180: double ones, a doubled one standing for itself.

    Args:
        path: path of the file, for error messages.
        table: format of the file.
        columns: the columns to read; None for all.
    """

    path: str
    table: TableConfig
    columns: Sequence[str] | None
    _layout: _Layout | None = field(default=None, init=False)

    def parse(self, chunk: bytes) -> ParsedBlock:
        """Parse a chunk of whole lines; the first one begins with the header, unless the configuration names columns.

        Raises:
            TableError: if the file lacks a column, or has two of one name.
        """
        chunk = self._with_one_separator(chunk)
        layout = self._layout
        if layout is None:
            layout, chunk = self._read_layout(chunk)
            self._layout = layout
        return _parse(chunk, layout)

    def read_head(self, head: bytes) -> None:
        """Read the names of the columns from the beginning of the file; the chunks to parse come from its middle.

        Raises:
            TableError: if the file lacks a column, or has two of one name.
        """
        self._layout, _ = self._read_layout(self._with_one_separator(head))

    @property
    def _written_separator(self) -> str:
        """The separator as it is in the file."""
        return self.table.separator or ("\t" if self.table.format == "tsv" else ",")

    def _with_one_separator(self, chunk: bytes) -> bytes:
        """Return a chunk whose separator is one character, which is what Polars takes."""
        written = self._written_separator
        return chunk if len(written) == 1 else chunk.replace(written.encode(), UNIT_SEPARATOR.encode())

    def _read_layout(self, chunk: bytes) -> tuple[_Layout, bytes]:
        """Read the header at the beginning of the file, if it has one; return the layout and what comes behind it."""
        written = self._written_separator
        separator = written if len(written) == 1 else UNIT_SEPARATOR  # which is in no text that a person wrote
        is_quoted = has_quotes(self.table)
        names, chunk = self._read_header(chunk.removeprefix(BYTE_ORDER_MARK), separator, is_quoted)
        return _Layout(names, self._check_columns(names), separator, written, is_quoted), chunk

    def _read_header(self, chunk: bytes, separator: str, is_quoted: bool) -> tuple[list[str], bytes]:
        """Return the names of the columns, and the chunk without the header. A column without a name is numbered."""
        if self.table.column_names is not None:
            return list(self.table.column_names), chunk
        chunk = chunk.lstrip(b"\r\n")
        end = chunk.find(b"\n") + 1 or len(chunk)
        while is_quoted and chunk.count(b'"', 0, end) % 2 == 1 and end < len(chunk):
            end = chunk.find(b"\n", end) + 1 or len(chunk)
        try:
            names = _split(chunk[:end], separator, is_quoted)
        except csv.Error as error:
            raise TableError(f"{self.path} should begin with the names of its columns: {error}") from None
        return [name or f"column_{index}" for index, name in enumerate(names, start=1)], chunk[end:]

    def _check_columns(self, names: list[str]) -> list[str]:
        """Return the columns to read, after checking that the file has each of them once."""
        wanted = names if self.columns is None else list(self.columns)
        for name in wanted:
            if name not in names:
                raise missing_column(self.path, name, names)
            if names.count(name) > 1:
                raise TableError(f"{self.path} should have one column `{name}`, received {names.count(name)}")
        return wanted


def _split(record: bytes, separator: str, is_quoted: bool) -> list[str]:
    """Return the fields of one record."""
    text = record.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
    return next(csv.reader([text], delimiter=separator, strict=True)) if is_quoted else text.split(separator)


def _parse(chunk: bytes, layout: _Layout) -> ParsedBlock:
    """Parse a chunk at once; if a line is malformed, in pieces, and only the pieces with such a line line by line."""
    frame = _parse_at_once(chunk, layout)
    if frame is not None:
        return ParsedBlock(frame, None, [])
    if len(chunk) <= PIECE_BYTES:
        return _parse_line_by_line(chunk, layout)
    frames: list[pl.DataFrame] = []
    positions: list[int] = []
    malformed: list[MalformedRow] = []
    for piece in whole_lines(io.BytesIO(chunk), "", PIECE_BYTES, layout.is_quoted):
        before = len(positions) + len(malformed)
        parsed = _parse(piece, layout) if len(piece) < len(chunk) else _parse_line_by_line(piece, layout)
        frames.append(parsed.frame)
        in_piece = range(parsed.frame.height) if parsed.positions is None else parsed.positions
        positions += [before + position for position in in_piece]
        malformed += [row._replace(position=before + row.position) for row in parsed.malformed]
    return ParsedBlock(pl.concat(frames), positions, malformed)


def _parse_at_once(chunk: bytes, layout: _Layout) -> pl.DataFrame | None:
    """Parse a chunk with Polars; None if a line is malformed, or empty."""
    has_quote = layout.is_quoted and b'"' in chunk
    indices = [layout.names.index(name) for name in layout.wanted]
    width = len(layout.names)
    try:
        frame = pl.read_csv(
            io.BytesIO(chunk),
            has_header=False,
            separator=layout.separator,
            schema=dict.fromkeys((str(index) for index in range(width)), pl.String),
            columns=None if has_quote else sorted(set(indices)),
            quote_char='"' if layout.is_quoted else None,
            encoding="utf8-lossy",
        )
    except pl.exceptions.PolarsError:  # too many fields, or quotes that do not match
        return None
    # Polars pads lines that have too few fields. A chunk has none of them if it has as many separators as it should.
    inside_quotes = 0
    if has_quote:
        inside_quotes = sum(frame.select(pl.all().str.count_matches(layout.separator, literal=True).sum()).row(0))
    if chunk.count(layout.separator.encode()) != frame.height * (width - 1) + inside_quotes:
        return None
    # Without an expression, which takes longer than a small file.
    columns = zip(indices, layout.wanted, strict=True)
    frame = pl.DataFrame([frame.get_column(str(index)).alias(name) for index, name in columns])
    if has_quote and b'""' in chunk:
        frame = frame.with_columns(pl.when(pl.all() != "").then(pl.all()))
    return frame


def _parse_line_by_line(chunk: bytes, layout: _Layout) -> ParsedBlock:
    """Parse a chunk in which some line is malformed, or empty."""
    indices = [layout.names.index(name) for name in layout.wanted]
    rows: list[list[str | None]] = []
    positions: list[int] = []
    malformed: list[MalformedRow] = []
    for position, (record, fields) in enumerate(_records(chunk.split(b"\n"), layout)):
        if isinstance(fields, str):
            content = record.replace(layout.separator.encode(), layout.written_separator.encode())
            malformed.append(MalformedRow(position, fields, KIND, content))
        else:
            rows.append([fields[index] or None for index in indices])
            positions.append(position)
    schema = {str(index): pl.String for index in range(len(indices))}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return ParsedBlock(frame.rename(dict(zip(frame.columns, layout.wanted, strict=True))), positions, malformed)


def _records(lines: list[bytes], layout: _Layout) -> Iterator[tuple[bytes, list[str] | str]]:
    """Yield the records, which may span lines inside quotes, each with its fields or the reason why it has none.

    If a quote is never closed, or the lines up to the closing one are not a record, its line stands alone: a single
    quote too many costs one line and not the rest of the file.
    """
    start = 0
    while start < len(lines):
        record, stop = lines[start], start + 1
        if record.strip(b"\r"):
            fields = _fields_or_reason(record, layout)
            last = _closing_line(lines, start) if layout.is_quoted and record.count(b'"') % 2 == 1 else None
            if last is not None:
                joined = b"\n".join(lines[start : last + 1])
                joined_fields = _fields_or_reason(joined, layout)
                if not isinstance(joined_fields, str):
                    record, fields, stop = joined, joined_fields, last + 1
            yield record, fields
        start = stop


def _closing_line(lines: list[bytes], start: int) -> int | None:
    """Return the index of the line that closes the quote which line `start` leaves open; None if it is too far off."""
    size = len(lines[start])
    for index in range(start + 1, min(start + MAX_RECORD_LINES, len(lines))):
        size += len(lines[index])
        if size > MAX_RECORD_BYTES:
            return None
        if lines[index].count(b'"') % 2 == 1:
            return index
    return None


def _fields_or_reason(record: bytes, layout: _Layout) -> list[str] | str:
    """Return the fields of a record, or the reason why it has none."""
    try:
        fields = _split(record, layout.separator, layout.is_quoted)
    except csv.Error as error:
        return f"not a line of CSV: {error}"
    if len(fields) == len(layout.names):
        return fields
    return f"{len(fields)} field{'s' * (len(fields) != 1)} in a line, not {len(layout.names)}"
