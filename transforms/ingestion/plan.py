"""How the log is cut for ingestion: pieces to read, shards of users, and what a worker holds in memory at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from apache_beam.io.filesystem import FileMetadata

SHARD_BYTES = 8 * 2**20
"""Bytes of text in a shard, some 250,000 events, until there are `MAX_SHARDS`; then shards grow."""
COMPRESSION = 4
"""Rough factor by which a Parquet or compressed file is smaller than its text."""
MIN_SHARDS, MAX_SHARDS = 8, 1024
COLUMNS_PER_TEXT = 3
"""Rough factor by which events as columns in memory are larger than their text."""
BUFFER_SHARE, SLICE_SHARE = 1 / 16, 1 / 32
"""Shares of the memory: events that are collected before they are written, and those whose examples are built at once.

Writing needs twice the former. The examples of a slice need about four times the slice, beside a batch of examples.
"""
MIN_CHUNK_BYTES = 1 << 16


class ShufflePlan(NamedTuple):
    """Sizes of the shuffle from pieces of the log to shards of users.

    Attributes:
        shards: number of shards that the users are split into.
        buffer_bytes: bytes of events that a worker collects before it writes a scratch file.
        chunk_bytes: bytes of the events of one shard that are written, and read, at a time.
        slice_bytes: bytes of the events of a shard whose examples are built at a time.
    """

    shards: int
    buffer_bytes: int
    chunk_bytes: int
    slice_bytes: int


def plan_shuffle(files: Sequence[FileMetadata], memory: int) -> ShufflePlan:
    """Return the sizes of a shuffle.

    Args:
        files: the files of the log.
        memory: bound of the peak memory of a worker, in bytes.
    """
    text = sum(file.size_in_bytes * _expansion(file.path) for file in files)
    buffer, part = int(memory * BUFFER_SHARE), int(memory * SLICE_SHARE)
    # A sort holds one chunk of each scratch file.
    scratch_files = 1 + text * COLUMNS_PER_TEXT // buffer
    return ShufflePlan(
        shards=min(max(-(-text // SHARD_BYTES), MIN_SHARDS), MAX_SHARDS),
        buffer_bytes=buffer,
        chunk_bytes=max(min(part, buffer // scratch_files), MIN_CHUNK_BYTES),
        slice_bytes=part,
    )


def _expansion(path: str) -> int:
    """Return the rough factor by which the text of a file is larger than the file."""
    return COMPRESSION if path.endswith((".parquet", ".gz", ".zst")) else 1
