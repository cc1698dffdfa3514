"""Steps of the ingestion job, each on blocks of columns."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import apache_beam as beam
import numpy as np
import polars as pl
from apache_beam.metrics import Metrics
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from interestflow.transforms.config import ENTITY_TABLES, EntityTable, IngestionConfig
from interestflow.transforms.examples.catalogue_counts import CatalogueCounts
from interestflow.transforms.examples.entities import Entities
from interestflow.transforms.examples.event_order import sort_events
from interestflow.transforms.examples.shard import ShardExamples
from interestflow.transforms.examples.tfrecord_writer import ExampleFile
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.ingestion.dead_letters import report_rows
from interestflow.transforms.ingestion.report import ShardCounts
from interestflow.transforms.ingestion.shuffle_files import (
    FrameLocation,
    create_file,
    decode_frame,
    encode_frame,
    read_bytes,
    read_frame,
    write_frames,
)
from interestflow.transforms.reading.columns import ORDER
from interestflow.transforms.reading.entities import read_attributes
from interestflow.transforms.reading.events import FILE_SHIFT, read_events
from interestflow.transforms.reading.tables import FILE, ROW, dead_letters
from interestflow.transforms.splits import SPLITS, Boundaries, count_by_hour

METRICS = "ingestion"
"""Beam's namespace of microseconds spent on each part: read, shuffle, sort, join, encode, frame, compress, write."""

REPEATED = "repeats an earlier row"
"""Why a repeated row cannot be used."""

Shard = int


class _TimedStep(beam.DoFn):
    """A step that counts the microseconds of its parts."""

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Count the time spent inside the `with` block for `part`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.count_seconds(part, time.perf_counter() - start)

    def count_seconds(self, part: str, seconds: float) -> None:
        """Add seconds to the counter of `part`."""
        Metrics.counter(METRICS, part).inc(round(seconds * 1e6))


class ReadEvents(_TimedStep):
    """Read one file of the log into `(shard, location of its events)`, dead letters, and counts.

    The events of a block are written to one scratch file, shard after shard, and Beam groups their locations only:
    Beam on one machine would keep the events themselves in memory.
    """

    def __init__(self, config: IngestionConfig, shards: int, scratch: str) -> None:
        """Store the configuration, the number of shards of users, and the scratch folder."""
        self._config, self._shards, self._scratch = config, shards, scratch

    def process(self, element: tuple[int, str]) -> Iterable[Any]:
        """Read a file, given as its index and path."""
        file_index, path = element
        tables = iter(read_events(path, file_index, self._config))
        while True:
            with self.timed("read"):
                table = next(tables, None)
                if table is None:
                    return
                shard = table.frame.get_column(USER).hash(seed=0) % self._shards
                parts = table.frame.with_columns(shard.alias("__shard")).partition_by(
                    "__shard", as_dict=True, include_key=False
                )
            with self.timed("shuffle"):
                locations = write_frames(f"{self._scratch}/block-{uuid.uuid4().hex}.arrow", parts)
            for (key,), location in locations.items():
                yield int(key), location
            yield from report_rows("events", table.rows, table.dead_letters)


class ReadEntityTable(beam.DoFn):
    """Read the table of items or users for its dead letters and counts; it is read again where it is needed."""

    def __init__(self, config: IngestionConfig) -> None:
        """Store the configuration."""
        self._config = config

    def process(self, name: EntityTable) -> Iterable[Any]:
        """Read the table of this name, if the configuration has it."""
        table = read_attributes(self._config, name)
        if table is not None:
            yield from report_rows(name, table.rows, table.dead_letters)


class SortShard(_TimedStep):
    """Sort the events of one shard into one file without repeats; output the hours in which they happened too."""

    def __init__(self, files: list[str], scratch: str) -> None:
        """Store the paths of the log's files, for dead letters, and the scratch folder."""
        self._files, self._scratch = files, scratch

    def process(self, element: tuple[Shard, Iterable[FrameLocation]]) -> Iterable[Any]:
        """Sort a shard, given as its number and the locations of its events."""
        shard, locations = element
        with self.timed("shuffle"):
            pieces = [read_frame(location) for location in locations]
        with self.timed("sort"):
            events, repeated = sort_events(pieces)
            hours = count_by_hour(np.sort(events.get_column(TIMESTAMP).to_numpy()))
        path = f"{self._scratch}/{shard:05}-{uuid.uuid4().hex[:8]}.arrow"
        with self.timed("shuffle"), create_file(path) as file:
            file.write(encode_frame(events))
        yield shard, path
        yield beam.pvalue.TaggedOutput("hours", hours)
        if repeated.height:
            yield from report_rows("events", 0, self._dead_letters(repeated))

    def _dead_letters(self, repeated: pl.DataFrame) -> pl.DataFrame:
        """Return the dead letters of rows that repeat an earlier one."""
        order = repeated.get_column(ORDER)
        located = repeated.select(
            pl.exclude(ORDER),
            pl.Series(FILE, self._files).gather(order // 2**FILE_SHIFT),
            (order % 2**FILE_SHIFT + 1).alias(ROW),
        )
        return dead_letters(located, REPEATED, pl.lit(REPEATED))


class CountItems(_TimedStep):
    """Count the events of each item in the training window of one sorted shard."""

    def process(self, element: tuple[Shard, str], boundaries: Boundaries) -> Iterable[pl.DataFrame]:
        """Count a shard, given as its number and path."""
        with self.timed("join"):
            events = decode_frame(read_bytes(element[1]), [ITEM, TIMESTAMP])
            yield events.filter(pl.col(TIMESTAMP) < boundaries.validation).group_by(ITEM).len("count")


class MergeCounts(beam.CombineFn):
    """Merge frames of `item` and `count` into the counts of all items, ordered by item."""

    def create_accumulator(self) -> list[pl.DataFrame]:
        """Return no frames."""
        return []

    def add_input(self, accumulator: list[pl.DataFrame], frame: pl.DataFrame) -> list[pl.DataFrame]:
        """Append a frame, or sum all of them once there are 16."""
        return [*accumulator, frame] if len(accumulator) < 16 else [_sum_counts([*accumulator, frame])]

    def merge_accumulators(self, accumulators: Iterable[list[pl.DataFrame]]) -> list[pl.DataFrame]:
        """Join the lists of frames."""
        return [frame for accumulator in accumulators for frame in accumulator]

    def extract_output(self, accumulator: list[pl.DataFrame]) -> CatalogueCounts:
        """Sum the frames."""
        counts = _sum_counts(accumulator).sort(ITEM)
        return CatalogueCounts(counts.get_column(ITEM), counts.get_column("count").to_numpy())


class WriteExamples(_TimedStep):
    """Write the examples of one sorted shard; output their counts."""

    def __init__(self, config: IngestionConfig, shards: int, folder: str) -> None:
        """Store the configuration, the number of shards, and the folder of the examples."""
        self._config, self._shards, self._folder = config, shards, folder

    def setup(self) -> None:
        """Read the tables of items and users, once for all shards of a worker."""
        self._encoder = RecordBatchToExamplesEncoder()
        self._tables = {}
        for name in ENTITY_TABLES:
            table = read_attributes(self._config, name)
            frame = None if table is None else table.frame
            self._tables[name] = Entities.from_frame(frame, self._config.features.attributes_of(name))

    def process(
        self, element: tuple[Shard, str], boundaries: Boundaries, catalogue: CatalogueCounts
    ) -> Iterable[ShardCounts]:
        """Write the examples of a shard, given as its number and path."""
        shard_index, path = element
        with self.timed("join"):
            events = decode_frame(read_bytes(path))
            shard = ShardExamples(
                events, self._config, self._tables["items"], self._tables["users"], boundaries, catalogue
            )
        for split in SPLITS:
            self._write(shard, split, shard_index)
        yield {
            "users": events.get_column(USER).n_unique(),
            "items": events.get_column(ITEM).unique(),
            "examples": {split: shard.example_count(split) for split in SPLITS},
            "positives": {split: shard.positive_counts(split) for split in SPLITS},
            "sampled_negatives": {split: shard.sampled_count(split) for split in SPLITS},
            "negatives_not_found": shard.negatives_not_found,
            "behaviours_only": shard.behaviours_only,
            "without_attributes": shard.without_attributes(),
            "unreadable_numbers": shard.unreadable,
            "unreadable_in_tables": {k: v for t in self._tables.values() for k, v in t.values.unreadable.items()},
        }

    def _write(self, shard: ShardExamples, split: str, shard_index: Shard) -> None:
        """Write the examples of one split, if there are any."""
        if shard.example_count(split) == 0:
            return
        path = f"{self._folder}/Split-{split}/data_tfrecord-{shard_index:05}-of-{self._shards:05}.gz"
        with ExampleFile(path) as file:
            batches = shard.batches(split)
            while True:
                with self.timed("join"):
                    batch = next(batches, None)
                if batch is None:
                    break
                with self.timed("encode"):
                    encoded = self._encoder.encode(batch)
                with self.timed("frame"):
                    file.write(encoded)
        self.count_seconds("compress", file.compress_seconds)
        self.count_seconds("write", file.write_seconds)


def _sum_counts(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Sum frames of `item` and `count` by item."""
    if not frames:
        return pl.DataFrame(schema={ITEM: pl.String, "count": pl.UInt32})
    return pl.concat(frames).group_by(ITEM).agg(pl.col("count").sum())
