"""Frames as bytes, in the form that Beam moves and scratch files hold: Arrow's IPC, compressed by LZ4."""

from __future__ import annotations

import io
from typing import Any

import polars as pl
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems


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
