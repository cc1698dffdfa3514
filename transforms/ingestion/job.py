"""The Beam job from raw logs to examples.

    files ──> read in blocks ──> pieces by shard of users ──> sorted shards without repeats ──> examples by split
                   │                                              │            │                      ▲
                   │                                       hours with events   items of the training  │
                   ▼                                              │            window ────────────────┤
              dead letters                                        └──> boundaries of splits ──────────┘

Beam moves locations in scratch files, whose columns are in Arrow's IPC form: never single events, nor the log itself.
One block and one shard are held in memory, however large the log is and however many passes there are.
"""

from __future__ import annotations

import shutil
import uuid
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.pvalue import AsList, AsSingleton, PCollection

from interestflow.transforms.config import ENTITY_TABLES, IngestionConfig
from interestflow.transforms.examples.catalogue import write_items
from interestflow.transforms.ingestion.boundaries import decide_boundaries
from interestflow.transforms.ingestion.report import write_report
from interestflow.transforms.ingestion.shuffle_files import make_folder
from interestflow.transforms.ingestion.steps import (
    CountItems,
    MergeCounts,
    ReadEntityTable,
    ReadEvents,
    SortShard,
    WriteExamples,
)
from interestflow.transforms.reading.files import list_files, total_bytes
from interestflow.transforms.splits import ITEMS_SPLIT, SPLITS

SHARD_BYTES = 8 * 2**20
"""Bytes of text in a shard, some 250,000 events. A shard and its examples are held in memory at once."""
COMPRESSION = 4
"""Rough factor by which a Parquet or compressed file is smaller than its text."""
MIN_SHARDS, MAX_SHARDS = 8, 4096


def ingest(
    config: IngestionConfig,
    pipeline: beam.Pipeline,
    examples_folder: str,
    report_folder: str,
    with_items: bool = False,
) -> str:
    """Add the job to a pipeline that has not run yet.

    The job writes `Split-NAME/data_tfrecord-SHARD-of-SHARDS.gz` below `examples_folder`, and `counts.json` and
    `dead_letters.parquet` into `report_folder`. All examples of a user are in the files of one shard.

    Args:
        config: what to read and to write.
        pipeline: the pipeline.
        examples_folder: folder of the examples, local or on any file system that Beam writes to.
        report_folder: folder of the report, on any such file system.
        with_items: whether to write the split of items too, one example per item, from which matchers retrieve.

    Returns:
        The scratch folder, which the caller removes after the pipeline has run.

    Raises:
        TableError: if there is no log to read.
        IngestionError: while the pipeline runs, if there are too many dead letters or no usable rows.
    """
    files = list_files(config.data.events, config.data.folder)
    shards = shard_count(files)
    scratch = f"{examples_folder}/.scratch-{uuid.uuid4().hex[:8]}"
    splits = [*SPLITS, *([ITEMS_SPLIT] if with_items else [])]
    for folder in (scratch, report_folder, *(f"{examples_folder}/Split-{split}" for split in splits)):
        make_folder(folder)

    sort, table_counts, letters = _read_and_sort(pipeline, config, files, shards, scratch)
    start = pipeline | "Once" >> beam.Create([None])
    boundaries = start | "FindBoundaries" >> beam.Map(
        decide_boundaries, config, AsList(sort.hours), AsList(sort.shards), AsList(table_counts)
    )
    catalogue = (
        sort.shards
        | "CountItems" >> beam.ParDo(CountItems(), AsSingleton(boundaries))
        | "Catalogue" >> beam.CombineGlobally(MergeCounts())
    )
    counts = sort.shards | "MakeExamples" >> beam.ParDo(
        WriteExamples(config, shards, examples_folder), AsSingleton(boundaries), AsSingleton(catalogue)
    )
    report = [AsSingleton(boundaries), AsList(table_counts), AsList(letters), AsList(counts), AsSingleton(catalogue)]
    if with_items:
        folder = f"{examples_folder}/Split-{ITEMS_SPLIT}"
        item_examples = start | "Items" >> beam.Map(write_items, config, folder, AsSingleton(catalogue))
        report.append(AsSingleton(item_examples))
    _ = start | "Report" >> beam.Map(write_report, report_folder, *report)
    return scratch


def _read_and_sort(
    pipeline: beam.Pipeline, config: IngestionConfig, files: list[str], shards: int, scratch: str
) -> tuple[Any, PCollection, PCollection]:
    """Add the steps that read all tables and sort the shards of the log.

    Returns:
        The outputs of `SortShard` (`shards` and `hours`), then the reports and the dead letters of all tables.
    """
    read = (
        pipeline
        | "Files" >> beam.Create(list(enumerate(files)))
        | "SpreadFiles" >> beam.Reshuffle()
        | "Read" >> beam.ParDo(ReadEvents(config, shards, scratch)).with_outputs("counts", "letters", main="blocks")
    )
    entities = (
        pipeline
        | "Tables" >> beam.Create(ENTITY_TABLES)
        | "ReadTables" >> beam.ParDo(ReadEntityTable(config)).with_outputs("counts", "letters", main="nothing")
    )
    sort = (
        read.blocks
        | "GatherShards" >> beam.GroupByKey()
        | "Sort" >> beam.ParDo(SortShard(files, scratch)).with_outputs("counts", "letters", "hours", main="shards")
    )
    table_counts = (read.counts, entities.counts, sort.counts) | "TableCounts" >> beam.Flatten()
    letters = (read.letters, entities.letters, sort.letters) | "DeadLetters" >> beam.Flatten()
    return sort, table_counts, letters


def remove_scratch(folder: str) -> None:
    """Remove the scratch folder of `ingest`."""
    # Beam's own recursive deletion takes a folder with a slash in a bucket, and without one on a disk.
    if "://" in folder:
        FileSystems.delete([f"{folder}/"])
    else:
        shutil.rmtree(folder)


def shard_count(files: list[str]) -> int:
    """Return the number of shards to split the users into, which depends on the size of the input."""
    compressed = [file for file in files if file.endswith((".parquet", ".gz", ".zst"))]
    plain = [file for file in files if file not in compressed]
    text_bytes = total_bytes(plain) + COMPRESSION * total_bytes(compressed)
    return min(max(-(-text_bytes // SHARD_BYTES), MIN_SHARDS), MAX_SHARDS)
