"""Finds and opens the files of a table, on any file system that Beam reads."""

from __future__ import annotations

import difflib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from interestflow.transforms.config import TableConfig

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}


class TableError(Exception):
    """An input that cannot be read as the configuration says; the message says what was expected and what came."""


def list_files(table: TableConfig, folder: str | None) -> list[str]:
    """The files of a table, sorted.

    Raises:
        TableError: where there are none.
    """
    is_absolute = "://" in table.path or table.path.startswith("/")
    pattern = table.path if is_absolute or folder is None else f"{folder.rstrip('/')}/{table.path}"
    try:
        (match,) = FileSystems.match([pattern])
    except Exception as error:  # each file system has errors of its own
        raise TableError(f"{pattern} cannot be listed: {first_line(error)}") from None
    files = sorted(file.path for file in match.metadata_list)
    if not files:
        raise TableError(f"no file matches {pattern}")
    return files


def bytes_of(files: Sequence[str]) -> int:
    """The size of these files together, as they are stored."""
    return sum(file.size_in_bytes for match in FileSystems.match(list(files)) for file in match.metadata_list)


def require_columns(available: Sequence[str], wanted: Iterable[str], path: str) -> None:
    """Raises a TableError that names the first column that is missing, and those most like it."""
    for column in wanted:
        if column not in available:
            near = difflib.get_close_matches(column, available) or available
            raise TableError(f"{path} should have a column `{column}`, received {', '.join(near)}")


@contextmanager
def opened(path: str, seekable: bool = False) -> Iterator[IO[bytes]]:
    """The content of a file, decompressed as it is read where its name ends in `.gz` or `.zst`.

    Args:
        path: on any file system that Beam reads.
        seekable: whether the reader has to jump; what is compressed is then unpacked to disk first.

    Raises:
        TableError: where it cannot be read: missing, damaged, or cut off in the middle.
    """
    compression = next((name for ending, name in COMPRESSIONS.items() if path.endswith(ending)), None)
    try:
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            if compression is None:
                yield file
                return
            # Beam's own decompression ends without an error where a file was cut off; Arrow's does not.
            with pa.CompressedInputStream(file, compression) as content:
                if not seekable:
                    yield content
                    return
                with tempfile.TemporaryFile() as unpacked:
                    shutil.copyfileobj(content, unpacked, 1 << 20)
                    unpacked.seek(0)
                    yield unpacked
    except OSError as error:
        raise TableError(f"{path} cannot be read: {first_line(error)}") from None


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
