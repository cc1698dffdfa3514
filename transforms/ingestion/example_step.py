"""The steps of the ingestion job that count items and write examples."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

import apache_beam as beam
import polars as pl
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from interestflow.transforms.config import ENTITY_TABLES, IngestionConfig
from interestflow.transforms.examples.catalogue_counts import CatalogueCounts
from interestflow.transforms.examples.continuation import Continuation
from interestflow.transforms.examples.entities import Entities
from interestflow.transforms.examples.example_rows import continue_user
from interestflow.transforms.examples.shard import ShardExamples
from interestflow.transforms.examples.tfrecord_writer import ExampleFile
from interestflow.transforms.feature_names import ITEM, TIMESTAMP
from interestflow.transforms.ingestion.report import ShardCounts
from interestflow.transforms.ingestion.sort_step import SortedShard
from interestflow.transforms.ingestion.timed_step import TimedStep
from interestflow.transforms.reading.entities import read_attributes
from interestflow.transforms.splits import SPLITS, Boundaries

COUNT = "count"
MIN_MERGED_ROWS = 1 << 16


class CountItems(TimedStep):
    """Count the events of each item of one sorted shard in the training window; other items have a count of 0."""

    def process(self, element: SortedShard, boundaries: Boundaries) -> Iterable[pl.DataFrame]:
        """Count the items of each slice of a shard."""
        for part in element[1]:
            with self.timed("join"):
                is_training = pl.col(TIMESTAMP) < boundaries.validation
                counts = part.read_items().group_by(ITEM).agg(is_training.sum().cast(pl.Int64).alias(COUNT))
            yield counts


class MergeCounts(beam.CombineFn):
    """Merge frames of `item` and `count` into the counts of all items, ordered by item.

    The first frame of an accumulator is merged. The others wait until they have as many rows, so that an item costs a
    constant number of merges, and memory is twice what the catalogue needs.
    """

    def create_accumulator(self) -> list[pl.DataFrame]:
        """Return no counts."""
        return [pl.DataFrame(schema={ITEM: pl.String, COUNT: pl.Int64})]

    def add_input(self, accumulator: list[pl.DataFrame], frame: pl.DataFrame) -> list[pl.DataFrame]:
        """Append a frame, and merge all of them once there are enough."""
        merged, *waiting = accumulator
        waiting.append(frame)
        if sum(counts.height for counts in waiting) > max(merged.height, MIN_MERGED_ROWS):
            return [_sum_counts([merged, *waiting])]
        return [merged, *waiting]

    def merge_accumulators(self, accumulators: Iterable[list[pl.DataFrame]]) -> list[pl.DataFrame]:
        """Merge the frames of all accumulators."""
        total = self.create_accumulator()
        for accumulator in accumulators:
            for frame in accumulator:
                total = self.add_input(total, frame)
        return total

    def extract_output(self, accumulator: list[pl.DataFrame]) -> CatalogueCounts:
        """Return the counts of the items of the training window."""
        counts = _sum_counts(accumulator)
        training = counts.filter(pl.col(COUNT) > 0).sort(ITEM)
        return CatalogueCounts(training.get_column(ITEM), training.get_column(COUNT).to_numpy(), counts.height)


class WriteExamples(TimedStep):
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
        self, element: SortedShard, boundaries: Boundaries, catalogue: CatalogueCounts
    ) -> Iterable[ShardCounts]:
        """Write the examples of a shard slice by slice, and yield the counts of each slice."""
        shard_index, slices = element
        earlier: Continuation | None = None
        files: dict[str, ExampleFile] = {}
        tables = self._tables
        with ExitStack() as open_files:
            for part in slices:
                with self.timed("join"):
                    shard = ShardExamples(
                        part.read(), self._config, tables["items"], tables["users"], boundaries, catalogue, earlier
                    )
                for split in SPLITS:
                    if shard.example_count(split) == 0:
                        continue
                    if split not in files:
                        files[split] = open_files.enter_context(ExampleFile(self._path(split, shard_index)))
                    self._write(shard, split, files[split])
                yield self._counts(shard)
                earlier = continue_user(shard.data) if part is not slices[-1] else None
        for file in files.values():
            self.count_seconds("compress", file.compress_seconds)
            self.count_seconds("write", file.write_seconds)

    def _path(self, split: str, shard: int) -> str:
        """Return the path of the examples of a split of a shard."""
        return f"{self._folder}/Split-{split}/data_tfrecord-{shard:05}-of-{self._shards:05}.gz"

    def _write(self, shard: ShardExamples, split: str, file: ExampleFile) -> None:
        """Append the examples of one split."""
        batches = shard.batches(split)
        while True:
            with self.timed("join"):
                batch = next(batches, None)
            if batch is None:
                return
            with self.timed("encode"):
                encoded = self._encoder.encode(batch)
            with self.timed("frame"):
                file.write(encoded)

    def _counts(self, shard: ShardExamples) -> ShardCounts:
        """Return the counts of the examples of a slice."""
        return {
            "users": shard.user_count,
            "examples": {split: shard.example_count(split) for split in SPLITS},
            "positives": {split: shard.positive_counts(split) for split in SPLITS},
            "sampled_negatives": {split: shard.sampled_count(split) for split in SPLITS},
            "negatives_not_found": shard.negatives_not_found,
            "behaviours_only": shard.behaviours_only,
            "without_attributes": shard.without_attributes(),
            "unreadable_numbers": shard.unreadable,
            "unreadable_in_tables": {k: v for t in self._tables.values() for k, v in t.values.unreadable.items()},
        }


def _sum_counts(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Sum frames of `item` and `count` by item."""
    return pl.concat(frames).group_by(ITEM).agg(pl.col(COUNT).sum())
