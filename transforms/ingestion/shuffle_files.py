"""Frames as bytes, in the form in which Beam moves them and scratch files hold them: Arrow's IPC, LZ4-compressed."""

from __future__ import annotations

import io
from typing import IO, NamedTuple

import polars as pl
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems


class FrameLocation(NamedTuple):
    """Where a frame is stored: `length` bytes of the file at `path`, from byte `start`."""

    path: str
    start: int
    length: int


class FrameFile:
    """A file of frames, one after the other, written within a `with` block."""

    def __init__(self, path: str) -> None:
        """Create the file."""
        self.path = path
        self._file = create_file(path)
        self._size = 0

    def write(self, frame: pl.DataFrame) -> FrameLocation:
        """Append a frame and return where it is stored."""
        content = encode_frame(frame)
        self._file.write(content)
        self._size += len(content)
        return FrameLocation(self.path, self._size - len(content), len(content))

    def __enter__(self) -> FrameFile:
        """Return the file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()


def read_frame(location: FrameLocation) -> pl.DataFrame:
    """Read a frame that `FrameFile` wrote."""
    return decode_frame(read_range(*location))


def read_range(path: str, start: int, length: int) -> bytes:
    """Return `length` bytes of a file from byte `start`, and read no others.

    Beam opens a file of an object store with a buffer of 16 MB, which a read of any size would fill.
    """
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        source = getattr(file, "raw", file)
        source.seek(start)
        content = bytearray(length)
        view = memoryview(content)
        while view and (count := source.readinto(view)):
            view = view[count:]
    if view:
        raise OSError(f"{path} should have {start + length:,} bytes, received {start + length - len(view):,}")
    return bytes(content)


def encode_frame(frame: pl.DataFrame) -> bytes:
    """Serialize a frame."""
    content = io.BytesIO()
    frame.write_ipc(content, compression="lz4")
    return content.getvalue()


def decode_frame(content: bytes, columns: list[str] | None = None) -> pl.DataFrame:
    """Deserialize a frame, or only these columns of it."""
    return pl.read_ipc(io.BytesIO(content), columns=columns)


def write_parquet(path: str, frame: pl.DataFrame) -> None:
    """Write a frame as a Parquet file, on any file system that Beam writes to."""
    content = io.BytesIO()
    frame.write_parquet(content)
    with create_file(path) as file:
        file.write(content.getvalue())


def read_bytes(path: str) -> bytes:
    """Return the content of a file."""
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        return bytes(file.read())


def make_folder(folder: str) -> None:
    """Create a folder unless it exists."""
    if not FileSystems.exists(f"{folder}/"):
        FileSystems.mkdirs(folder)


def create_file(path: str) -> IO[bytes]:
    """Open a file for writing; the written bytes are not compressed, regardless of the file's name."""
    return FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)
