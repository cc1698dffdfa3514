"""Frames as bytes, in the form that Beam moves and scratch files hold: Arrow's IPC, compressed by LZ4."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import polars as pl
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

Place = tuple[str, int, int]
"""Where a frame is: a file, and the first and the number of its bytes there."""


def put(path: str, frames: Mapping[Any, pl.DataFrame]) -> dict[Any, Place]:
    """Writes several frames into one file, one after the other; gives the place of each."""
    places, start = {}, 0
    with created(path) as file:
        for key, frame in frames.items():
            content = packed(frame)
            file.write(content)
            places[key] = path, start, len(content)
            start += len(content)
    return places


def taken(place: Place) -> pl.DataFrame:
    """The frame that `put` wrote there."""
    path, start, length = place
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        file.seek(start)
        return unpacked(file.read(length))


def packed(frame: pl.DataFrame) -> bytes:
    content = io.BytesIO()
    frame.write_ipc(content, compression="lz4")
    return content.getvalue()


def unpacked(content: bytes, columns: list[str] | None = None) -> pl.DataFrame:
    return pl.read_ipc(io.BytesIO(content), columns=columns)


def content_of(path: str) -> bytes:
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        return bytes(file.read())


def created(path: str) -> Any:
    return FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)
