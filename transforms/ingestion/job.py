"""The Beam job from raw logs to examples.

    files ──> read in pieces ──> chunks by shard of users ──> sorted shards without repeats ──> examples by split
                   │                                              │            │                      ▲
                   │                                       hours with events   items of the training  │
                   ▼                                              │            window ────────────────┤
              dead letters                                        └──> boundaries of splits ──────────┘

Beam moves locations in scratch files, whose columns are in Arrow's IPC form: never single events, nor the log itself.
What a worker holds of the log at a time depends on `memory`, not on the log, nor on how its events are distributed over
files, users and items.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from typing import NamedTuple

import apache_beam as beam
from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.filesystems import FileSystems
from apache_beam.pvalue import AsList, AsSingleton, PCollection

from interestflow.transforms.config import ENTITY_TABLES, IngestionConfig
from interestflow.transforms.examples.catalogue import write_items
from interestflow.transforms.ingestion.boundaries import decide_boundaries, decide_hours, find_instants
from interestflow.transforms.ingestion.example_step import CountItems, MergeCounts, WriteExamples
from interestflow.transforms.ingestion.plan import ShufflePlan, plan_shuffle
from interestflow.transforms.ingestion.read_step import ReadEntityTable, ReadEvents
from interestflow.transforms.ingestion.report import write_report
from interestflow.transforms.ingestion.shuffle_files import make_folder
from interestflow.transforms.ingestion.sort_step import SortShard
from interestflow.transforms.reading.files import match_files
from interestflow.transforms.reading.pieces import cut_files
from interestflow.transforms.splits import ITEMS_SPLIT, SPLITS


class SortedLog(NamedTuple):
    """Outputs of the steps that read and sort.

    Attributes:
        shards: the sorted shards.
        hours: the hours of each part of the log, as `count_by_hour` returns them.
        table_counts: a `TableReport` of every step that reads.
        letters: where dead letters are.
        piece_rows: the rows of each piece of a file that was cut.
    """

    shards: PCollection
    hours: PCollection
    table_counts: PCollection
    letters: PCollection
    piece_rows: PCollection


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
    files = match_files(config.data.events, config.data.folder)
    plan = plan_shuffle(files, config.memory_bytes)
    scratch = f"{examples_folder}/.scratch-{uuid.uuid4().hex[:8]}"
    splits = [*SPLITS, *([ITEMS_SPLIT] if with_items else [])]
    for folder in (scratch, report_folder, *(f"{examples_folder}/Split-{split}" for split in splits)):
        make_folder(folder)

    log = _read_and_sort(pipeline, config, files, plan, scratch)
    start = pipeline | "Once" >> beam.Create([None])
    boundaries = _find_boundaries(start, config, log)
    catalogue = (
        log.shards
        | "CountItems" >> beam.ParDo(CountItems(), AsSingleton(boundaries))
        | "Catalogue" >> beam.CombineGlobally(MergeCounts())
    )
    counts = log.shards | "MakeExamples" >> beam.ParDo(
        WriteExamples(config, plan.shards, examples_folder), AsSingleton(boundaries), AsSingleton(catalogue)
    )
    report = [
        AsSingleton(boundaries), AsList(log.table_counts), AsList(log.letters), AsList(log.piece_rows), AsList(counts),
        AsSingleton(catalogue),
    ]  # fmt: skip
    if with_items:
        folder = f"{examples_folder}/Split-{ITEMS_SPLIT}"
        item_examples = start | "Items" >> beam.Map(write_items, config, folder, AsSingleton(catalogue))
        report.append(AsSingleton(item_examples))
    _ = start | "Report" >> beam.Map(write_report, report_folder, *report)
    return scratch


def _read_and_sort(
    pipeline: beam.Pipeline, config: IngestionConfig, files: Sequence[FileMetadata], plan: ShufflePlan, scratch: str
) -> SortedLog:
    """Add the steps that read all tables and sort the shards of the log."""
    read = (
        pipeline
        | "Files" >> beam.Create(cut_files(files))
        | "SpreadFiles" >> beam.Reshuffle()
        | "Read"
        >> beam.ParDo(ReadEvents(config, plan, scratch)).with_outputs("counts", "letters", "pieces", main="chunks")
    )
    entities = (
        pipeline
        | "Tables" >> beam.Create(ENTITY_TABLES)
        | "ReadTables" >> beam.ParDo(ReadEntityTable(config, scratch)).with_outputs("counts", "letters", main="nothing")
    )
    sort_shard = SortShard([file.path for file in files], plan.slice_bytes, scratch)
    sort = (
        read.chunks
        | "GatherShards" >> beam.GroupByKey()
        | "Sort" >> beam.ParDo(sort_shard).with_outputs("counts", "letters", "hours", main="shards")
    )
    return SortedLog(
        shards=sort.shards,
        hours=sort.hours,
        table_counts=(read.counts, entities.counts, sort.counts) | "TableCounts" >> beam.Flatten(),
        letters=(read.letters, entities.letters, sort.letters) | "DeadLetters" >> beam.Flatten(),
        piece_rows=read.pieces,
    )


def _find_boundaries(start: PCollection, config: IngestionConfig, log: SortedLog) -> PCollection:
    """Add the steps that find where validation and test begin."""
    hours = AsList(log.hours)
    deciding = start | "DecideHours" >> beam.Map(decide_hours, config, hours, AsList(log.table_counts))
    instants = log.shards | "FindInstants" >> beam.Map(find_instants, AsSingleton(deciding))
    return start | "FindBoundaries" >> beam.Map(decide_boundaries, config, hours, AsList(instants))


def remove_scratch(folder: str) -> None:
    """Remove the scratch folder of `ingest`."""
    # Beam's own recursive deletion takes a folder with a slash in a bucket, and without one on a disk.
    if "://" in folder:
        FileSystems.delete([f"{folder}/"])
    else:
        shutil.rmtree(folder)
