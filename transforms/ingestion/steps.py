"""The steps of the ingestion job, each on blocks of columns."""

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
from interestflow.transforms.examples.shard import Catalogue, Entities, ShardExamples, sorted_events
from interestflow.transforms.examples.tfrecord_writer import ExampleFile
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.ingestion.report import told
from interestflow.transforms.ingestion.shuffle_files import Place, content_of, created, packed, put, taken, unpacked
from interestflow.transforms.reading.columns import ORDER
from interestflow.transforms.reading.tables import FILE_SHIFT, read_attributes, read_events
from interestflow.transforms.splits import SPLITS, Boundaries, by_hour

METRICS = "ingestion"
"""Beam's namespace of microseconds spent on each part: read, shuffle, sort, join, encode, frame, compress, write."""

Shard = int


class _Timed(beam.DoFn):
    """A step that counts the microseconds of its parts."""

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.spent(part, time.perf_counter() - began)

    def spent(self, part: str, seconds: float) -> None:
        Metrics.counter(METRICS, part).inc(round(seconds * 1e6))


class Read(_Timed):
    """A file to pieces `(shard, where its events are)`, dead letters, and counts.

    The events of a block are written to one scratch file, shard after shard: what Beam gathers are places in it. Beam
    on one machine would keep the events themselves in memory.
    """

    def __init__(self, config: IngestionConfig, shards: int, scratch: str) -> None:
        self._config, self._shards, self._scratch = config, shards, scratch

    def process(self, element: tuple[int, str]) -> Iterable[Any]:
        number, path = element
        tables = iter(read_events(path, number, self._config))
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
                places = put(f"{self._scratch}/block-{uuid.uuid4().hex}.arrow", parts)
            for (key,), place in places.items():
                yield int(key), place
            yield from told("events", table.rows, table.dead_letters)


class ReadTable(beam.DoFn):
    """Items or users: their dead letters and counts; the table itself is read again where it is needed."""

    def __init__(self, config: IngestionConfig) -> None:
        self._config = config

    def process(self, name: EntityTable) -> Iterable[Any]:
        table = read_attributes(self._config, name)
        if table is not None:
            yield from told(name, table.rows, table.dead_letters)


class Sort(_Timed):
    """A shard's pieces to one sorted file, without repeats; and in which hours its events happened."""

    def __init__(self, files: list[str], scratch: str) -> None:
        self._files, self._scratch = files, scratch

    def process(self, element: tuple[Shard, Iterable[Place]]) -> Iterable[Any]:
        shard, places = element
        with self.timed("shuffle"):
            pieces = [taken(place) for place in places]
        with self.timed("sort"):
            events, repeated = sorted_events(pieces)
            hours = by_hour(np.sort(events.get_column(TIMESTAMP).to_numpy()))
        path = f"{self._scratch}/{shard:05}-{uuid.uuid4().hex[:8]}.arrow"
        with self.timed("shuffle"), created(path) as file:
            file.write(packed(events))
        yield shard, path
        yield beam.pvalue.TaggedOutput("hours", hours)
        if repeated.height:
            order = repeated.get_column(ORDER)
            letters = repeated.select(
                pl.Series("file", self._files).gather(order // 2**FILE_SHIFT),
                (order % 2**FILE_SHIFT + 1).alias("row"),
                pl.lit("repeats an earlier row").alias("reason"),
                pl.lit("repeats an earlier row").alias("kind"),
                pl.struct(pl.exclude(ORDER)).struct.json_encode().alias("content"),
            )
            yield from told("events", 0, letters)


class CountItems(_Timed):
    """A sorted shard to the items of its training window and their counts."""

    def process(self, element: tuple[Shard, str], boundaries: Boundaries) -> Iterable[pl.DataFrame]:
        with self.timed("join"):
            events = unpacked(content_of(element[1]), [ITEM, TIMESTAMP])
            yield events.filter(pl.col(TIMESTAMP) < boundaries.validation).group_by(ITEM).len("count")


class MergeCounts(beam.CombineFn):
    """Frames of `item` and `count` to one, ordered by item."""

    def create_accumulator(self) -> list[pl.DataFrame]:
        return []

    def add_input(self, accumulator: list[pl.DataFrame], frame: pl.DataFrame) -> list[pl.DataFrame]:
        return [*accumulator, frame] if len(accumulator) < 16 else [_summed([*accumulator, frame])]

    def merge_accumulators(self, accumulators: Iterable[list[pl.DataFrame]]) -> list[pl.DataFrame]:
        return [frame for accumulator in accumulators for frame in accumulator]

    def extract_output(self, accumulator: list[pl.DataFrame]) -> Catalogue:
        counts = _summed(accumulator).sort(ITEM)
        return Catalogue(counts.get_column(ITEM), counts.get_column("count").to_numpy())


class MakeExamples(_Timed):
    """A sorted shard to its files of examples; gives what was made, in numbers."""

    def __init__(self, config: IngestionConfig, shards: int, folder: str) -> None:
        self._config, self._shards, self._folder = config, shards, folder

    def setup(self) -> None:
        self._encoder = RecordBatchToExamplesEncoder()
        self._tables = {}
        for name in ENTITY_TABLES:
            table = read_attributes(self._config, name)
            frame = None if table is None else table.frame
            self._tables[name] = Entities.of(frame, self._config.features.of_source(name))

    def process(
        self, element: tuple[Shard, str], boundaries: Boundaries, catalogue: Catalogue
    ) -> Iterable[dict[str, Any]]:
        number, path = element
        with self.timed("join"):
            events = unpacked(content_of(path))
            shard = ShardExamples(
                events, self._config, self._tables["items"], self._tables["users"], boundaries, catalogue
            )
        for split in SPLITS:
            self._write(shard, split, number)
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

    def _write(self, shard: ShardExamples, split: str, number: Shard) -> None:
        if shard.example_count(split) == 0:
            return
        path = f"{self._folder}/Split-{split}/data_tfrecord-{number:05}-of-{self._shards:05}.gz"
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
        self.spent("compress", file.compressing)
        self.spent("write", file.writing)


def _summed(frames: list[pl.DataFrame]) -> pl.DataFrame:
    if not frames:
        return pl.DataFrame(schema={ITEM: pl.String, "count": pl.UInt32})
    return pl.concat(frames).group_by(ITEM).agg(pl.col("count").sum())
