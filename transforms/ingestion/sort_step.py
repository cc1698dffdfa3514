"""The step of the ingestion job that sorts the events of a shard."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from apache_beam.pvalue import TaggedOutput

from interestflow.transforms.examples.event_order import sort_events
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.ingestion.dead_letters import report_rows
from interestflow.transforms.ingestion.shuffle_files import FrameFile, FrameLocation, read_frame
from interestflow.transforms.ingestion.sorted_chunks import Chunk, cut_between_keys, merge_chunks
from interestflow.transforms.ingestion.timed_step import TimedStep
from interestflow.transforms.reading.columns import ORDER
from interestflow.transforms.reading.events import FILE_SHIFT
from interestflow.transforms.reading.tables import FILE, ROW, dead_letters
from interestflow.transforms.splits import count_by_hour

REPEATED = "repeats an earlier row"
"""Why a repeated row cannot be used."""
KEY = (USER, TIMESTAMP)
ITEM_COLUMNS = (ITEM, TIMESTAMP)


class SortedSlice(NamedTuple):
    """Consecutive events of a sorted shard; simultaneous events of a user are in the same slice.

    Attributes:
        items: where item and time are stored, which some steps need alone.
        others: where all other columns are stored.
    """

    items: FrameLocation
    others: FrameLocation

    def read(self) -> pl.DataFrame:
        """Read the events."""
        return pl.concat([read_frame(self.others), self.read_items()], how="horizontal")

    def read_items(self) -> pl.DataFrame:
        """Read item and time of the events."""
        return read_frame(self.items)


SortedShard = tuple[int, list[SortedSlice]]
"""The number of a shard and its slices, in order."""


class SortShard(TimedStep):
    """Sort the events of one shard into slices without repeats; output the hours in which they happened too."""

    def __init__(self, files: list[str], slice_bytes: int, scratch: str) -> None:
        """Store the paths of the log's files, for dead letters, the size of a slice, and the scratch folder."""
        self._files, self._slice_bytes, self._scratch = files, slice_bytes, scratch

    def process(self, element: tuple[int, Iterable[Chunk]]) -> Iterable[Any]:
        """Sort a shard, given as its number and the chunks of its events."""
        shard, chunks = element
        slices = []
        with FrameFile(f"{self._scratch}/{shard:05}-{uuid.uuid4().hex[:8]}.arrow") as file:
            for events, repeated in self._sorted_parts(chunks):
                with self.timed("sort"):
                    hours = count_by_hour(np.sort(events.get_column(TIMESTAMP).to_numpy()))
                yield TaggedOutput("hours", hours)
                if repeated.height:
                    yield from report_rows("events", 0, self._dead_letters(repeated), self._scratch)
                with self.timed("shuffle"):
                    for part in cut_between_keys(events, KEY, self._slice_bytes):
                        items = file.write(part.select(ITEM_COLUMNS))
                        slices.append(SortedSlice(items, file.write(part.drop(ITEM_COLUMNS))))
        yield shard, slices

    def _sorted_parts(self, chunks: Iterable[Chunk]) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Yield the events in order, in parts, and the repeated rows of each part."""
        parts = iter(merge_chunks(chunks, KEY, self._slice_bytes))
        while True:
            with self.timed("shuffle"):
                rows = next(parts, None)
            if rows is None:
                return
            with self.timed("sort"):
                result = sort_events([rows])
            yield result

    def _dead_letters(self, repeated: pl.DataFrame) -> pl.DataFrame:
        """Return the dead letters of rows that repeat an earlier one."""
        order = repeated.get_column(ORDER)
        located = repeated.select(
            pl.exclude(ORDER),
            pl.Series(FILE, self._files).gather(order // 2**FILE_SHIFT),
            (order % 2**FILE_SHIFT + 1).alias(ROW),
        )
        return dead_letters(located, REPEATED, pl.lit(REPEATED))
