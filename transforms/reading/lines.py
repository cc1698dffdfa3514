"""Cuts a stream of bytes into blocks of whole lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, NamedTuple, TypeAlias

import polars as pl

from interestflow.transforms.reading.files import TableError

LONGEST_RECORD = 1 << 20
"""Bytes of a record with line ends inside quotes; a quote that is not closed within as much is taken for a mistake."""
LONGEST_LINE = 1 << 26
SHOWN = 500
"""Characters of a malformed row that are kept."""


class Malformed(NamedTuple):
    """A row that is none. `row`: its place in its block, from 0. `kind`: the reason in general."""

    row: int
    reason: str
    kind: str
    content: str

    @classmethod
    def of(cls, row: int, reason: str, kind: str, content: bytes) -> Malformed:
        return cls(row, reason, kind, content.decode("utf-8", "replace").strip("\r\n")[:SHOWN])


Parsed: TypeAlias = tuple[pl.DataFrame, list[int] | None, list[Malformed]]
"""A block: its rows, their places in it (None: it has no other lines), and what is malformed."""


def whole_lines(file: IO[bytes], path: str, block_bytes: int, quoted: bool) -> Iterator[bytes]:
    """Blocks of about `block_bytes` that end where a line ends; the last one where the file does.

    Args:
        file: what is read.
        path: of it, for the error.
        block_bytes: how much is read at a time.
        quoted: whether line ends inside double quotes end no line.

    Raises:
        TableError: where there is no end of a line for a long time.
    """
    rest = b""
    while chunk := file.read(block_bytes):
        data = rest + chunk if rest else chunk
        cut = _last_line_end(data, quoted)
        if cut:
            yield data[:cut]
        rest = data[cut:]
        if len(rest) > LONGEST_LINE:
            raise TableError(
                f"{path} should be lines of text, received more than {LONGEST_LINE:,} bytes without an end"
            )
    if rest.strip(b"\r\n"):
        yield rest


def _last_line_end(data: bytes, quoted: bool) -> int:
    """The number of bytes up to and with the last line end; 0 where there is none, or not yet."""
    last = data.rfind(b"\n") + 1
    if not quoted:
        return last
    cut, is_inside = last, data.count(b'"', 0, last) % 2 == 1
    while is_inside and cut > max(0, last - LONGEST_RECORD):
        earlier = data.rfind(b"\n", 0, cut - 1) + 1
        is_inside ^= data.count(b'"', earlier, cut) % 2 == 1
        cut = earlier
    if not is_inside:
        return cut
    return last if last > LONGEST_RECORD else 0
