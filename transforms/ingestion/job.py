"""Raw logs to examples: the Beam job.

    files ──> read in blocks ──> pieces by shard of users ──> sorted shards, repeats out ──> examples by split
                   │                                              │            │                  ▲
                   │                                         which hours   what the training      │
                   ▼                                         they fill      window holds ────────┤
              dead letters                                        └──> boundaries of splits ──────┘

What Beam moves are places in scratch files, where columns lie in Arrow's IPC form: never single events, nor the log
itself. A block and a shard are what is held in memory, however large the log and however many passes there are.
"""

from __future__ import annotations

import shutil
import uuid

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from interestflow.transforms.config import ENTITY_TABLES, IngestionConfig
from interestflow.transforms.examples.catalogue import ITEMS_SPLIT, write_items
from interestflow.transforms.ingestion.report import decide_boundaries, write_report
from interestflow.transforms.ingestion.steps import CountItems, MakeExamples, MergeCounts, Read, ReadTable, Sort
from interestflow.transforms.reading.files import bytes_of, list_files
from interestflow.transforms.splits import SPLITS

SHARD_BYTES = 8 * 2**20
"""Of text a shard, some 250,000 events. A shard and what is made of it are held at once."""
COMPRESSION = 4
"""By how much a Parquet file, or one that is compressed, is smaller than its text, roughly."""
MIN_SHARDS, MAX_SHARDS = 8, 4096


def ingest(
    config: IngestionConfig,
    pipeline: beam.Pipeline,
    examples_folder: str,
    report_folder: str,
    with_items: bool = False,
) -> str:
    """Adds the job to `pipeline`.

    Writes `Split-NAME/data_tfrecord-SHARD-of-SHARDS.gz` below `examples_folder` and `counts.json` and
    `dead_letters.parquet` into `report_folder`. All examples of a user are in the files of one shard.

    Args:
        config: what to read and to make.
        pipeline: not yet run.
        examples_folder: local or on any file system that Beam writes to.
        report_folder: likewise.
        with_items: whether to write the split of items too, one example an item, which matchers retrieve from.

    Returns:
        The scratch folder, for whoever runs the pipeline to remove.

    Raises:
        TableError: where there is no log to read.
        IngestionError: while the pipeline runs, past the limit of dead letters or where nothing is left.
    """
    files = list_files(config.data.events, config.data.folder)
    shards = shard_count(files)
    scratch = f"{examples_folder}/.scratch-{uuid.uuid4().hex[:8]}"
    splits = [*SPLITS, *([ITEMS_SPLIT] if with_items else [])]
    for folder in (scratch, report_folder, *(f"{examples_folder}/Split-{split}" for split in splits)):
        _make_folder(folder)

    read = (
        pipeline
        | "Files" >> beam.Create(list(enumerate(files)))
        | "SpreadFiles" >> beam.Reshuffle()
        | "Read" >> beam.ParDo(Read(config, shards, scratch)).with_outputs("counts", "letters", main="blocks")
    )
    entities = (
        pipeline
        | "Tables" >> beam.Create(ENTITY_TABLES)
        | "ReadTables" >> beam.ParDo(ReadTable(config)).with_outputs("counts", "letters", main="nothing")
    )
    sort = (
        read.blocks
        | "GatherShards" >> beam.GroupByKey()
        | "Sort" >> beam.ParDo(Sort(files, scratch)).with_outputs("counts", "letters", "hours", main="shards")
    )
    table_counts = (read.counts, entities.counts, sort.counts) | "TableCounts" >> beam.Flatten()
    letters = (read.letters, entities.letters, sort.letters) | "DeadLetters" >> beam.Flatten()
    start = pipeline | "Once" >> beam.Create([None])
    boundaries = start | "FindBoundaries" >> beam.Map(
        decide_boundaries,
        config,
        beam.pvalue.AsList(sort.hours),
        beam.pvalue.AsList(sort.shards),
        beam.pvalue.AsList(table_counts),
    )
    catalogue = (
        sort.shards
        | "CountItems" >> beam.ParDo(CountItems(), beam.pvalue.AsSingleton(boundaries))
        | "Catalogue" >> beam.CombineGlobally(MergeCounts())
    )
    made = sort.shards | "MakeExamples" >> beam.ParDo(
        MakeExamples(config, shards, examples_folder),
        beam.pvalue.AsSingleton(boundaries),
        beam.pvalue.AsSingleton(catalogue),
    )
    items = []
    if with_items:
        folder = f"{examples_folder}/Split-{ITEMS_SPLIT}"
        written = start | "Items" >> beam.Map(write_items, config, folder, beam.pvalue.AsSingleton(catalogue))
        items.append(beam.pvalue.AsSingleton(written))
    _ = start | "Report" >> beam.Map(
        write_report,
        report_folder,
        beam.pvalue.AsSingleton(boundaries),
        beam.pvalue.AsList(table_counts),
        beam.pvalue.AsList(letters),
        beam.pvalue.AsList(made),
        beam.pvalue.AsSingleton(catalogue),
        *items,
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
    packed = [file for file in files if file.endswith((".parquet", ".gz", ".zst"))]
    plain = [file for file in files if file not in packed]
    text = bytes_of(plain) + COMPRESSION * bytes_of(packed)
    return min(max(-(-text // SHARD_BYTES), MIN_SHARDS), MAX_SHARDS)


def _make_folder(folder: str) -> None:
    if not FileSystems.exists(f"{folder}/"):
        FileSystems.mkdirs(folder)
