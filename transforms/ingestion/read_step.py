"""The steps of the ingestion job that read the tables."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import polars as pl
from apache_beam.pvalue import TaggedOutput

from interestflow.transforms.config import EntityTable, IngestionConfig
from interestflow.transforms.feature_names import TIMESTAMP, USER
from interestflow.transforms.ingestion.dead_letters import report_rows
from interestflow.transforms.ingestion.plan import ShufflePlan
from interestflow.transforms.ingestion.shuffle_files import FrameFile
from interestflow.transforms.ingestion.sorted_chunks import Chunk, cut_frame
from interestflow.transforms.ingestion.timed_step import TimedStep, windowed
from interestflow.transforms.reading.entities import read_attributes
from interestflow.transforms.reading.events import EventsPart, read_event_pieces
from interestflow.transforms.reading.pieces import FilePiece

SHARD = "__shard"


class ReadEvents(TimedStep):
    """Read pieces of the log into `(shard, chunk of its events)`, dead letters, and counts.

    A worker collects the events of many pieces before it writes them to one scratch file, shard after shard: the larger
    the file, the longer the ranges that each shard is read from. Beam groups the locations of these ranges only; on one
    machine it would keep the events themselves in memory.
    """

    def __init__(self, config: IngestionConfig, plan: ShufflePlan, scratch: str) -> None:
        """Store the configuration, the sizes of the shuffle, and the scratch folder."""
        self._config, self._plan, self._scratch = config, plan, scratch

    def start_bundle(self) -> None:
        """Begin without events."""
        self._parts: list[EventsPart] = []
        self._bytes = 0.0

    def process(self, pieces: list[FilePiece]) -> Iterable[Any]:
        """Read a group of pieces."""
        parts = iter(read_event_pieces(pieces, self._config))
        while True:
            with self.timed("read"):
                part = next(parts, None)
            if part is None:
                return
            self._parts.append(part)
            self._bytes += part.table.frame.estimated_size() + part.table.dead_letters.estimated_size()
            if self._bytes >= self._plan.buffer_bytes:
                yield from self._write()

    def finish_bundle(self) -> Iterator[Any]:
        """Write the events that are left."""
        if self._parts:
            yield from windowed(self._write())

    def _write(self) -> Iterator[Any]:
        """Write the collected events, and yield where they are and what was read."""
        parts, self._parts, self._bytes = self._parts, [], 0.0
        rows: Counter[FilePiece] = Counter()
        for part in parts:
            rows.update(part.rows)
        yield from (TaggedOutput("pieces", item) for item in rows.items() if not item[0].is_whole)
        letters = pl.concat([part.table.dead_letters for part in parts])
        yield from report_rows("events", sum(rows.values()), letters, self._scratch)
        frames = [part.table.frame for part in parts]
        del parts
        with self.timed("shuffle"):
            chunks = list(self._write_shards(frames))
        yield from chunks

    def _write_shards(self, frames: list[pl.DataFrame]) -> Iterator[tuple[int, Chunk]]:
        """Write frames to one file by shard; a shard that needs several chunks, as a hot user's does, is sorted."""
        events = pl.concat(frames, how="vertical_relaxed")
        frames.clear()
        shard = events.get_column(USER).hash(seed=0) % self._plan.shards
        shards = events.with_columns(shard.alias(SHARD)).partition_by(SHARD, as_dict=True, include_key=False)
        del events
        with FrameFile(f"{self._scratch}/block-{uuid.uuid4().hex}.arrow") as file:
            for key in sorted(shards):
                frame = shards.pop(key)
                if frame.estimated_size() <= self._plan.chunk_bytes:
                    yield int(key[0]), Chunk(file.write(frame))
                    continue
                ordered = frame.sort(USER, TIMESTAMP)
                for first, part in cut_frame(ordered, (USER, TIMESTAMP), self._plan.chunk_bytes):
                    yield int(key[0]), Chunk(file.write(part), first)


class ReadEntityTable(beam.DoFn):
    """Read the table of items or users for its dead letters and counts; it is read again where it is needed."""

    def __init__(self, config: IngestionConfig, scratch: str) -> None:
        """Store the configuration and the scratch folder."""
        self._config, self._scratch = config, scratch

    def process(self, name: EntityTable) -> Iterable[Any]:
        """Read the table of this name, if the configuration has it."""
        table = read_attributes(self._config, name)
        if table is not None:
            yield from report_rows(name, table.rows, table.dead_letters, self._scratch)
