"""Raw logs to examples: the Beam job.

    files ──> read in blocks ──> blocks by shard of users ──> sorted shards, repeats out ──> examples by split
                   │                                              │            │                  ▲
                   │                                         when events   what the training      │
                   ▼                                          happened       window holds ────────┤
              dead letters                                        └──> boundaries of splits ──────┘

What Beam moves are blocks of columns (Arrow's IPC form), never single events. Each shard rests in a scratch file
between the passes over it, so that the log is held in memory once at most, however many passes there are.
"""

from __future__ import annotations

import io
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import apache_beam as beam
import numpy as np
import polars as pl
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from transforms.config import EntitiesConfig, IngestionConfig
from transforms.example_files import ExampleFile
from transforms.examples import Catalogue, Entities, ShardExamples, sorted_events
from transforms.feature_names import ITEM, TIMESTAMP, USER
from transforms.files import TableError, list_files
from transforms.ingestion_counts import IngestionCounts, TableCounts
from transforms.log_columns import ORDER
from transforms.splits import SPLITS, Boundaries, find_boundaries
from transforms.tables import DEAD_LETTER_SCHEMA, FILE_SHIFT, read_entities, read_events

COUNTS, DEAD_LETTERS = "counts.json", "dead_letters.parquet"
SHARD_BYTES = 32 * 2**20
"""Of input a shard, so that one shard and what is made of it fit in a worker's memory with ease."""
MIN_SHARDS, MAX_SHARDS = 8, 1024
REASONS_SHOWN = 3
METRICS = "ingestion"
"""Beam's namespace of the microseconds spent on each part: read, sort, join, encode, compress, write."""

Shard = int
Counts = dict[str, int]


class IngestionError(Exception):
    """A log that no examples can be made from; the message says why."""


def ingest(config: IngestionConfig, pipeline: beam.Pipeline, examples_folder: str, report_folder: str) -> str:
    """Adds the job to `pipeline`.

    Writes `Split-NAME/data_tfrecord-SHARD-of-SHARDS.gz` below `examples_folder` and `counts.json` and
    `dead_letters.parquet` into `report_folder`. All examples of a user are in the files of one shard.

    Args:
        config: what to read and to make.
        pipeline: not yet run.
        examples_folder: local or on any file system that Beam writes to.
        report_folder: likewise.

    Returns:
        The scratch folder, for whoever runs the pipeline to remove.

    Raises:
        TableError: where there is no log to read.
        IngestionError: while the pipeline runs, past the limit of dead letters or where nothing is left.
    """
    files = list_files(config.data.events, config.data.folder)
    shards = shard_count(files)
    scratch = f"{examples_folder}/.scratch-{uuid.uuid4().hex[:8]}"
    for folder in (scratch, report_folder, *(f"{examples_folder}/Split-{split}" for split in SPLITS)):
        _make_folder(folder)

    read = (
        pipeline
        | "Files" >> beam.Create(list(enumerate(files)))
        | "SpreadFiles" >> beam.Reshuffle()
        | "Read" >> beam.ParDo(_Read(config, shards)).with_outputs("counts", "letters", main="blocks")
    )
    entities = (
        pipeline
        | "Tables" >> beam.Create([name for name in ("items", "users") if getattr(config.data, name) is not None])
        | "ReadTables" >> beam.ParDo(_ReadTable(config)).with_outputs("counts", "letters", main="nothing")
    )
    sort = (
        read.blocks
        | "GatherShards" >> beam.GroupByKey()
        | "Sort" >> beam.ParDo(_Sort(files, scratch)).with_outputs("counts", "letters", "instants", main="shards")
    )
    table_counts = (read.counts, entities.counts, sort.counts) | "TableCounts" >> beam.Flatten()
    letters = (read.letters, entities.letters, sort.letters) | "DeadLetters" >> beam.Flatten()
    start = pipeline | "Once" >> beam.Create([None])
    boundaries = start | "FindBoundaries" >> beam.Map(
        _boundaries, config, beam.pvalue.AsList(sort.instants), beam.pvalue.AsList(table_counts)
    )
    catalogue = (
        sort.shards
        | "CountItems" >> beam.ParDo(_CountItems(), beam.pvalue.AsSingleton(boundaries))
        | "Catalogue" >> beam.CombineGlobally(_MergeCounts())
    )
    made = sort.shards | "MakeExamples" >> beam.ParDo(
        _MakeExamples(config, shards, examples_folder),
        beam.pvalue.AsSingleton(boundaries),
        beam.pvalue.AsSingleton(catalogue),
    )
    _ = start | "Report" >> beam.Map(
        _write_report,
        report_folder,
        beam.pvalue.AsSingleton(boundaries),
        beam.pvalue.AsList(table_counts),
        beam.pvalue.AsList(letters),
        beam.pvalue.AsList(made),
        beam.pvalue.AsSingleton(catalogue),
    )
    return scratch


def remove_scratch(folder: str) -> None:
    """Removes what `ingest` left there."""
    # Beam's own recursive deletion takes a folder with a slash in a bucket, and without one on a disk.
    if "://" in folder:
        FileSystems.delete([f"{folder}/"])
    else:
        shutil.rmtree(folder)


def shard_count(files: list[str]) -> int:
    """How many shards the users are cut into: by the size of the input."""
    size = sum(file.size_in_bytes for match in FileSystems.match(files) for file in match.metadata_list)
    return int(min(max(-(-size // SHARD_BYTES), MIN_SHARDS), MAX_SHARDS))


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


class _Read(_Timed):
    """A file to blocks `(shard, events)`, dead letters, and counts."""

    def __init__(self, config: IngestionConfig, shards: int) -> None:
        self._config, self._shards = config, shards

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
            for (key,), part in parts.items():
                with self.timed("shuffle"):
                    block = _packed(part)
                yield int(key), block
            yield from _told("events", table.rows, table.dead_letters)


class _ReadTable(beam.DoFn):
    """Items or users: their dead letters and counts; the table itself is read again where it is needed."""

    def __init__(self, config: IngestionConfig) -> None:
        self._config = config

    def process(self, name: str) -> Iterable[Any]:
        table = read_entities(*_entities(self._config, name))
        yield from _told(name, table.rows, table.dead_letters)


class _Sort(_Timed):
    """A shard's blocks to one sorted file, without repeats; and when its events happened."""

    def __init__(self, files: list[str], scratch: str) -> None:
        self._files, self._scratch = files, scratch

    def process(self, element: tuple[Shard, Iterable[bytes]]) -> Iterable[Any]:
        shard, blocks = element
        with self.timed("sort"):
            events, repeated = sorted_events([_unpacked(block) for block in blocks])
            instants, counts = np.unique(events.get_column(TIMESTAMP).to_numpy(), return_counts=True)
        path = f"{self._scratch}/{shard:05}-{uuid.uuid4().hex[:8]}.arrow"
        with self.timed("shuffle"), _created(path) as file:
            file.write(_packed(events))
        yield shard, path
        yield beam.pvalue.TaggedOutput("instants", (instants, counts))
        if repeated.height:
            order = repeated.get_column(ORDER)
            letters = repeated.select(
                pl.Series("file", self._files).gather(order // 2**FILE_SHIFT),
                (order % 2**FILE_SHIFT + 1).alias("row"),
                pl.lit("repeats an earlier row").alias("reason"),
                pl.lit("repeats an earlier row").alias("kind"),
                pl.struct(pl.exclude(ORDER)).struct.json_encode().alias("content"),
            )
            yield from _told("events", 0, letters)


class _CountItems(_Timed):
    """A sorted shard to the items of its training window and their counts."""

    def process(self, element: tuple[Shard, str], boundaries: Boundaries) -> Iterable[pl.DataFrame]:
        with self.timed("join"):
            events = _unpacked(_content(element[1]), [ITEM, TIMESTAMP])
            yield events.filter(pl.col(TIMESTAMP) < boundaries.validation).group_by(ITEM).len("count")


class _MergeCounts(beam.CombineFn):
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


class _MakeExamples(_Timed):
    """A sorted shard to its files of examples; gives what was made, in numbers."""

    def __init__(self, config: IngestionConfig, shards: int, folder: str) -> None:
        self._config, self._shards, self._folder = config, shards, folder

    def setup(self) -> None:
        self._encoder = RecordBatchToExamplesEncoder()
        self._tables = {}
        for name in ("items", "users"):
            arguments = _entities(self._config, name)
            frame = None if arguments[0] is None else read_entities(*arguments).frame
            attributes = tuple(a for a in self._config.features.attributes if a.source == name)
            self._tables[name] = Entities.of(frame, attributes)

    def process(
        self, element: tuple[Shard, str], boundaries: Boundaries, catalogue: Catalogue
    ) -> Iterable[dict[str, Any]]:
        number, path = element
        with self.timed("join"):
            events = _unpacked(_content(path))
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


def _entities(config: IngestionConfig, name: str) -> tuple[EntitiesConfig, str | None, list[str]]:
    """What `read_entities` takes, for `items` or `users`."""
    columns = [a.source_column for a in config.features.attributes if a.source == name]
    return getattr(config.data, name), config.data.folder, columns


def _told(table: str, rows: int, letters: pl.DataFrame) -> Iterable[Any]:
    yield beam.pvalue.TaggedOutput("counts", (table, rows, _by_reason(letters)))
    if letters.height:
        yield beam.pvalue.TaggedOutput("letters", _packed(letters))


def _by_reason(letters: pl.DataFrame) -> Counts:
    return {str(kind): int(count) for kind, count in letters.group_by("kind").len().iter_rows()}


def _boundaries(
    _: None,
    config: IngestionConfig,
    instants: list[tuple[np.ndarray, np.ndarray]],
    told: list[tuple[str, int, Counts]],
) -> Boundaries:
    for name, counts in _table_counts(told).items():
        if counts.dead_letters > config.data.dead_letter_limit * counts.rows:
            reasons = Counter({reason: n for table, _, found in told if table == name for reason, n in found.items()})
            shown = "; ".join(f"{count:,} x {reason}" for reason, count in reasons.most_common(REASONS_SHOWN))
            share, limit = counts.dead_letters / counts.rows, config.data.dead_letter_limit
            raise IngestionError(
                f"at most {limit:.2%} of the rows of `data.{name}` should be unusable (`data.dead_letter_limit`), "
                f"received {counts.dead_letters:,} of {counts.rows:,}, {share:.2%}: {shown}"
            )
    times = np.concatenate([times for times, _ in instants]) if instants else np.zeros(0, np.int64)
    counts = np.concatenate([counts for _, counts in instants]) if instants else np.zeros(0, np.int64)
    distinct, place = np.unique(times, return_inverse=True)
    summed = np.bincount(place, weights=counts, minlength=len(distinct)).astype(np.int64)
    try:
        return find_boundaries(distinct, summed, config.split, config.data.events)
    except TableError as error:
        raise IngestionError(str(error)) from None


def _table_counts(told: Iterable[tuple[str, int, Counts]]) -> dict[str, TableCounts]:
    rows: Counts = Counter()
    dead: Counts = Counter()
    for table, count, reasons in told:
        rows[table] += count
        dead[table] += sum(reasons.values())
    return {
        table: TableCounts(rows=rows[table], usable=rows[table] - dead[table], dead_letters=dead[table])
        for table in rows
    }


def _write_report(
    _: None,
    folder: str,
    boundaries: Boundaries,
    told: list[tuple[str, int, Counts]],
    letters: list[bytes],
    made: list[dict[str, Any]],
    catalogue: Catalogue,
) -> None:
    reasons: Counts = Counter()
    for table, _rows, found in told:
        for reason, count in found.items():
            reasons[f"{table}: {reason}"] += count
    items = pl.concat([part["items"] for part in made]).n_unique()

    def total(key: str) -> dict[str, int]:
        summed: Counts = Counter()
        for part in made:
            summed.update(part[key])
        return dict(summed)

    examples = total("examples")
    for split in SPLITS:
        if examples[split] == 0:
            shown = ", ".join(f"{name} {count:,}" for name, count in examples.items())
            raise IngestionError(f"every split should have examples, received {shown}: no event there has a label")
    counts = IngestionCounts(
        tables=_table_counts(told),
        dead_letter_reasons=dict(sorted(reasons.items())),
        examples=examples,
        positives={
            split: dict(sum((Counter(part["positives"][split]) for part in made), Counter())) for split in SPLITS
        },
        sampled_negatives=total("sampled_negatives"),
        negatives_not_found=sum(part["negatives_not_found"] for part in made),
        behaviours_only=sum(part["behaviours_only"] for part in made),
        users=sum(part["users"] for part in made),
        items=items,
        items_in_training=len(catalogue.items),
        without_attributes=total("without_attributes"),
        unreadable_numbers=total("unreadable_numbers") | made[0]["unreadable_in_tables"],
        validation_from=boundaries.validation,
        test_from=boundaries.test,
    )
    frames = [_unpacked(block).select(list(DEAD_LETTER_SCHEMA)) for block in letters]
    table = pl.concat(frames) if frames else pl.DataFrame(schema=DEAD_LETTER_SCHEMA)  # type: ignore[arg-type]
    content = io.BytesIO()
    table.sort("file", "row").write_parquet(content)
    with _created(f"{folder}/{DEAD_LETTERS}") as file:
        file.write(content.getvalue())
    with _created(f"{folder}/{COUNTS}") as file:
        file.write(counts.model_dump_json(indent=2).encode())


def _summed(frames: list[pl.DataFrame]) -> pl.DataFrame:
    if not frames:
        return pl.DataFrame(schema={ITEM: pl.String, "count": pl.UInt32})
    return pl.concat(frames).group_by(ITEM).agg(pl.col("count").sum())


def _packed(frame: pl.DataFrame) -> bytes:
    content = io.BytesIO()
    frame.write_ipc(content, compression="lz4")
    return content.getvalue()


def _unpacked(content: bytes, columns: list[str] | None = None) -> pl.DataFrame:
    return pl.read_ipc(io.BytesIO(content), columns=columns)


def _content(path: str) -> bytes:
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        return bytes(file.read())


def _created(path: str) -> Any:
    return FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)


def _make_folder(folder: str) -> None:
    if not FileSystems.exists(f"{folder}/"):
        FileSystems.mkdirs(folder)
