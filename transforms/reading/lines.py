"""Cut a stream of bytes into chunks of whole lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from interestflow.transforms.config import TableConfig
from interestflow.transforms.reading.files import TableError

MAX_RECORD_BYTES = 1 << 20
"""Longest record with line ends inside quotes; a quote that is not closed within as many bytes counts as a mistake."""
MAX_LINE_BYTES = 1 << 26


class ByteStream(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


def has_quotes(table: TableConfig) -> bool:
    """Return whether a field may be quoted, and so hold line ends: only in `csv` with a separator of one character."""
    return table.format == "csv" and (table.separator is None or len(table.separator) == 1)


def whole_lines(file: ByteStream, path: str, chunk_bytes: int, quoted: bool) -> Iterator[bytes]:
    """Yield chunks of about `chunk_bytes` that end where a line ends; the last one ends where the file does.

    Args:
        file: the stream to read.
        path: path of the file, for the error message.
        chunk_bytes: bytes read at a time.
        quoted: whether a line end inside double quotes belongs to its field.

    Raises:
        TableError: if no line ends within `MAX_LINE_BYTES`.
    """
    remainder = b""
    while read := file.read(chunk_bytes):
        data = remainder + read if remainder else read
        cut = _last_line_end(data, quoted)
        if cut:
            yield data[:cut]
        remainder = data[cut:]
        if len(remainder) > MAX_LINE_BYTES:
            raise TableError(
                f"{path} should be lines of text, received more than {MAX_LINE_BYTES:,} bytes without an end"
            )
    if remainder.strip(b"\r\n"):
        yield remainder


def _last_line_end(data: bytes, quoted: bool) -> int:
    """Return the number of bytes up to and including the last line end; 0 if no line ends, or none ends yet."""
    last = data.rfind(b"\n") + 1
    if not quoted:
        return last
    cut, is_inside = last, data.count(b'"', 0, last) % 2 == 1
    while is_inside and cut > max(0, last - MAX_RECORD_BYTES):
        earlier = data.rfind(b"\n", 0, cut - 1) + 1
        is_inside ^= data.count(b'"', earlier, cut) % 2 == 1
        cut = earlier
    if not is_inside:
        return cut
    return last if last > MAX_RECORD_BYTES else 0
