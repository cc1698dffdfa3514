"""Find and open the files of a table, on any file system that Beam reads."""

from __future__ import annotations

import difflib
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes, FileMetadata
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.options.value_provider import RuntimeValueProvider

from interestflow import storage
from interestflow.transforms.config import TableConfig

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}


class TableError(Exception):
    """An input that does not match its configuration; the message says what was expected and what was received."""


def list_files(table: TableConfig, folder: str | None) -> list[str]:
    """Return the paths of a table's files, sorted; arguments and errors are those of `match_files`."""
    return [file.path for file in match_files(table, folder)]


def match_files(table: TableConfig, folder: str | None) -> list[FileMetadata]:
    """Return path, size and time of change of a table's files, sorted by path.

    Args:
        table: the table; its path may hold wildcards.
        folder: the folder that a relative path starts from.

    Raises:
        TableError: if no file matches.
    """
    is_absolute = "://" in table.path or table.path.startswith("/")
    pattern = table.path if is_absolute or folder is None else f"{folder.rstrip('/')}/{table.path}"
    _check_store(pattern)
    _set_options()
    try:
        (match,) = FileSystems.match([pattern])
    except Exception as error:  # each file system raises exceptions of its own
        raise TableError(f"{pattern} cannot be listed: {first_line(error)}") from None
    # A bucket may hold markers of folders, empty objects whose names end in a slash.
    files = sorted((file for file in match.metadata_list if not file.path.endswith("/")), key=lambda file: file.path)
    if not files:
        raise TableError(f"no file matches {pattern}")
    return files


def _check_store(pattern: str) -> None:
    """Check that the bucket of a pattern can be listed: Beam retries a store that does not answer for ten minutes.

    Raises:
        TableError: if it cannot, with the reason.
    """
    if not pattern.startswith(tuple(f"{scheme}://" for scheme in storage.SCHEMES)):
        return
    fixed = re.split(r"[*?\[{]", pattern)[0]
    try:
        storage.exists(fixed.rpartition("/")[0])
    except storage.StorageError as error:
        raise TableError(f"{pattern} cannot be listed: {error}") from None


def _set_options() -> None:
    """Give Beam's file systems options where no pipeline did: without any, the one of s3:// does not start."""
    if FileSystems._pipeline_options is None and not RuntimeValueProvider.runtime_options:
        FileSystems.set_options(PipelineOptions([]))


def total_bytes(files: Sequence[str]) -> int:
    """Return the total size of the files, as they are stored."""
    _set_options()
    return sum(file.size_in_bytes for match in FileSystems.match(list(files)) for file in match.metadata_list)


@contextmanager
def open_file(path: str, seekable: bool = False) -> Iterator[IO[bytes]]:
    """Open a file, decompressing it while it is read if its name ends in `.gz` or `.zst`.

    Args:
        path: path on any file system that Beam reads.
        seekable: whether the reader needs to seek; a compressed file is then unpacked to disk first.

    Raises:
        TableError: if the file cannot be read: missing, damaged, or truncated.
    """
    _set_options()
    compression = next((name for ending, name in COMPRESSIONS.items() if path.endswith(ending)), None)
    try:
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            if compression is None:
                yield file
                return
            # Beam's own decompression ends without an error where a file was truncated; Arrow's does not.
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


def missing_column(path: str, column: str, available: Sequence[str]) -> TableError:
    """Return the error of a file that lacks a column, with the names most like it, or else all names."""
    similar = difflib.get_close_matches(column, available) or available
    return TableError(f"{path} should have a column `{column}`, received {', '.join(similar)}")


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
