"""Merge sorted runs that are too large to be held in memory at once.

A run is a sorted sequence of chunks, each of which knows its first key. Chunks are read in the order of their first
keys, so that all rows before the first key of the next chunk are complete: only chunks that overlap are held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from interestflow.transforms.ingestion.shuffle_files import FrameLocation, read_frame

SortKey = tuple[str, int]
"""Values of a text and an integer column by which rows are sorted."""


class Chunk(NamedTuple):
    """A stored frame.

    Attributes:
        location: where it is stored.
        first: key of its first row, if it is sorted; None if its rows are in no order.
    """

    location: FrameLocation
    first: SortKey | None = None


def cut_frame(frame: pl.DataFrame, columns: Sequence[str], chunk_bytes: int) -> Iterator[tuple[SortKey, pl.DataFrame]]:
    """Yield the parts of a sorted frame, each with the key of its first row.

    Args:
        frame: rows, sorted by `columns`.
        columns: the text and the integer column of the key.
        chunk_bytes: approximate size of a part.
    """
    rows = max(1, int(frame.height * chunk_bytes / max(1, frame.estimated_size())))
    for part in frame.iter_slices(rows):
        text, number = part.select(columns).row(0)
        yield (text, number), part


def merge_chunks(chunks: Iterable[Chunk], columns: Sequence[str], part_bytes: int) -> Iterator[pl.DataFrame]:
    """Yield the rows of all chunks in parts, not sorted, each of which comes wholly before the next.

    Rows of the same key are in the same part.

    Args:
        chunks: the chunks.
        columns: the text and the integer column by which parts are apart.
        part_bytes: size from which rows are yielded before all have been read.
    """
    ordered = sorted(chunks, key=lambda chunk: (chunk.first is not None, chunk.first or ("", 0)))
    held: list[pl.DataFrame] = []
    limit = part_bytes
    for index, chunk in enumerate(ordered):
        held.append(read_frame(chunk.location))
        following = ordered[index + 1].first if index + 1 < len(ordered) else None
        if following is None or sum(frame.estimated_size() for frame in held) < limit:
            continue
        rows = pl.concat(held, how="vertical_relaxed")
        is_complete = _is_before(columns, following)
        complete = rows.filter(is_complete)
        if complete.height:
            yield complete
        held = [rows.filter(~is_complete)]
        limit = max(part_bytes, 2 * int(held[0].estimated_size()))
    if held:
        yield pl.concat(held, how="vertical_relaxed")


def cut_between_keys(frame: pl.DataFrame, columns: Sequence[str], part_bytes: int) -> Iterator[pl.DataFrame]:
    """Yield parts of a sorted frame of about `part_bytes`; rows of the same key are in the same part."""
    size = frame.estimated_size()
    if size <= part_bytes:
        yield frame
        return
    rows = max(1, int(frame.height * part_bytes / size))
    is_first = frame.select(pl.struct(columns).rle_id().diff().fill_null(1) > 0).to_series()
    starts = is_first.arg_true().to_numpy()
    begin = 0
    while begin < frame.height:
        position = int(np.searchsorted(starts, begin + rows))
        end = int(starts[position]) if position < len(starts) else frame.height
        yield frame[begin:end]
        begin = end


def _is_before(columns: Sequence[str], key: SortKey) -> pl.Expr:
    """Return whether rows come before a key."""
    text, number = (pl.col(name) for name in columns)
    return (text < key[0]) | ((text == key[0]) & (number < key[1]))
