"""The input files of a configuration, and the digest by which a change of them is noticed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from interestflow.digests import text_digest
from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.reading.files import match_files


@dataclass(frozen=True)
class InputFile:
    """One file of a table.

    Attributes:
        table: the table's key below `data`, e.g. `events`.
        path: path or URL.
        bytes: size as it is stored.
        modified: time of the last change, in seconds since 1970.
    """

    table: str
    path: str
    bytes: int
    modified: float


def find_input_files(config: IngestionConfig) -> list[InputFile]:
    """Return every file of every table, sorted by table and path.

    Raises:
        TableError: if a table has no file, or if its file system cannot be listed.
    """
    files = []
    for table, table_config in config.data.tables().items():
        files += [
            InputFile(table, file.path, file.size_in_bytes, float(file.last_updated_in_seconds or 0.0))
            for file in match_files(table_config, config.data.folder)
        ]
    return files


def input_digest(files: Sequence[InputFile]) -> str:
    """Return a digest of the paths, sizes and times of change of all files."""
    return text_digest(*(f"{file.table} {file.path} {file.bytes} {file.modified}" for file in files))
