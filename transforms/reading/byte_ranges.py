"""Find where the lines of a piece of a text file begin and end.

Each boundary between two pieces is decided by the bytes around it alone, so that the workers that read them agree
without a word: a piece is the lines that begin within its range. Where a line end near the boundary might lie inside
quotes, the piece before the boundary continues over it, and the piece behind is empty.
"""

from __future__ import annotations

import os
from typing import IO

from interestflow.transforms.reading.lines import MAX_LINE_BYTES, MAX_RECORD_BYTES
from interestflow.transforms.reading.pieces import FilePiece

SEARCH_BYTES = 1 << 16


class ByteRange:
    """Stream of the bytes of a file from its present position to `stop`."""

    def __init__(self, file: IO[bytes], stop: int) -> None:
        """Store the file and where to stop."""
        self._file, self._left = file, stop - file.tell()

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end of the range."""
        content = self._file.read(min(size, self._left))
        self._left -= len(content)
        return content


def open_range(file: IO[bytes], piece: FilePiece, quoted: bool) -> ByteRange | None:
    """Return the lines of a piece as a stream; None if no line begins in it.

    Args:
        file: the file, which can seek.
        piece: a piece that is not the whole file.
        quoted: whether a line end inside double quotes belongs to its field.
    """
    size = file.seek(0, os.SEEK_END)
    step = piece.step or size
    begin = _boundary(file, piece.start, quoted)
    if begin is None or begin >= min(size, piece.start + step):
        return None
    nominal, stop = piece.start + step, None
    while nominal < size and stop is None:
        stop = _boundary(file, nominal, quoted)
        nominal += step
    file.seek(begin)
    return ByteRange(file, size if stop is None else stop)


def _boundary(file: IO[bytes], nominal: int, quoted: bool) -> int | None:
    """Return where the first line from byte `nominal` on begins; None if that may be inside quotes."""
    if nominal == 0:
        return 0
    begin = _line_start(file, nominal)
    if not quoted:
        return begin
    first = max(0, nominal - MAX_RECORD_BYTES)
    file.seek(first)
    return None if b'"' in file.read(begin - first) else begin


def _line_start(file: IO[bytes], nominal: int) -> int:
    """Return the position behind the first line end from byte `nominal - 1` on, or the end of the file."""
    position = file.seek(nominal - 1)
    while content := file.read(SEARCH_BYTES):
        end = content.find(b"\n")
        if end >= 0:
            return position + end + 1
        position += len(content)
        if position - nominal > MAX_LINE_BYTES:  # the piece before reads on, and rejects the file
            break
    return file.seek(0, os.SEEK_END)
