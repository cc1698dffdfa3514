"""Cut the files of a table into pieces that workers read independently, and group small files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from apache_beam.io.filesystem import FileMetadata

from interestflow.transforms.reading.files import COMPRESSIONS

PIECE_BYTES = 1 << 25
"""Size of a piece of a large text file, and of a group of small files."""
PARQUET_PIECE_BYTES = PIECE_BYTES // 4
"""The same of Parquet, whose columns are compressed."""
MAX_GROUP_FILES = 512


class FilePiece(NamedTuple):
    """The lines or row groups of a file that begin within a range of bytes.

    Attributes:
        file: index of the file among the files of the table.
        path: path of the file.
        start: first byte of the range.
        step: size of the range, which is the same for all pieces of a file; None if the piece is the whole file.
    """

    file: int
    path: str
    start: int = 0
    step: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the piece is the whole file."""
        return self.step is None


def cut_files(
    files: Sequence[FileMetadata], piece_bytes: int = PIECE_BYTES, parquet_bytes: int = PARQUET_PIECE_BYTES
) -> list[list[FilePiece]]:
    """Return groups of pieces of about the same size, in the order of the files.

    A compressed file cannot be read from its middle: it stays one piece.

    Args:
        files: path and size of the files, in order.
        piece_bytes: size of a piece of a text file.
        parquet_bytes: size of a piece of a Parquet file.
    """
    groups: list[list[FilePiece]] = []
    room = 0.0
    for index, file in enumerate(files):
        size = parquet_bytes if file.path.endswith(".parquet") else piece_bytes
        for piece in _cut_file(index, file, size):
            share = min(file.size_in_bytes, size) / size
            if not groups or share > room or len(groups[-1]) >= MAX_GROUP_FILES:
                groups.append([])
                room = 1.0
            groups[-1].append(piece)
            room -= share
    return groups


def _cut_file(index: int, file: FileMetadata, size: int) -> Iterable[FilePiece]:
    """Return the pieces of one file."""
    if file.size_in_bytes <= size or file.path.endswith(tuple(COMPRESSIONS)):
        return [FilePiece(index, file.path)]
    return [FilePiece(index, file.path, start, size) for start in range(0, file.size_in_bytes, size)]
