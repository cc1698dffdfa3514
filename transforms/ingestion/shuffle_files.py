"""Frames as bytes, in the form in which Beam moves them and scratch files hold them: Arrow's IPC, LZ4-compressed."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import IO, NamedTuple, TypeVar

import polars as pl
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

Key = TypeVar("Key")


class FrameLocation(NamedTuple):
    """Where a frame is stored: `length` bytes of the file at `path`, from byte `start`."""

    path: str
    start: int
    length: int


def write_frames(path: str, frames: Mapping[Key, pl.DataFrame]) -> dict[Key, FrameLocation]:
    """Write frames into one file, one after the other, and return the location of each."""
    locations, start = {}, 0
    with create_file(path) as file:
        for key, frame in frames.items():
            content = encode_frame(frame)
            file.write(content)
            locations[key] = FrameLocation(path, start, len(content))
            start += len(content)
    return locations


def read_frame(location: FrameLocation) -> pl.DataFrame:
    """Read a frame that `write_frames` wrote."""
    path, start, length = location
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        file.seek(start)
        return decode_frame(file.read(length))


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
