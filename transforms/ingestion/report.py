"""The report of an ingestion: its counts and its dead letters, as files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypedDict

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from interestflow.transforms.examples.catalogue_counts import CatalogueCounts
from interestflow.transforms.ingestion.counts import IngestionCounts
from interestflow.transforms.ingestion.dead_letters import IngestionError, TableReport, count_tables, reason_counts
from interestflow.transforms.ingestion.letter_files import PieceRows, merge_letters
from interestflow.transforms.ingestion.shuffle_files import create_file
from interestflow.transforms.ingestion.sorted_chunks import Chunk
from interestflow.transforms.reading.tables import DEAD_LETTER_SCHEMA
from interestflow.transforms.splits import ITEMS_SPLIT, SPLITS, Boundaries

COUNTS, DEAD_LETTERS = "counts.json", "dead_letters.parquet"
LETTER_SCHEMA: pa.Schema = pl.DataFrame(schema=DEAD_LETTER_SCHEMA).to_arrow().schema


class ShardCounts(TypedDict):
    """Counts of the examples of one slice of a shard; the same keys as those of `IngestionCounts`, except for two.

    `unreadable_numbers` counts the attributes of events, and `unreadable_in_tables` those of items and users, which is
    the same everywhere.
    """

    users: int
    examples: dict[str, int]
    positives: dict[str, dict[str, int]]
    sampled_negatives: dict[str, int]
    negatives_not_found: int
    behaviours_only: int
    without_attributes: dict[str, int]
    unreadable_numbers: dict[str, int]
    unreadable_in_tables: dict[str, int]


def write_report(
    _: None,
    folder: str,
    boundaries: Boundaries,
    reports: list[TableReport],
    letters: list[Chunk],
    piece_rows: list[PieceRows],
    shards: list[ShardCounts],
    catalogue: CatalogueCounts,
    item_examples: int | None = None,
) -> None:
    """Write `counts.json` and `dead_letters.parquet` into the report's folder.

    Args:
        folder: folder of the report.
        boundaries: where validation and test begin.
        reports: counts of the rows read of every table.
        letters: where dead letters are.
        piece_rows: the rows of each piece of a file that was cut.
        shards: counts of the examples of each slice of a shard.
        catalogue: the items of the training window.
        item_examples: number of examples of the items split; None if there is no such split.

    Raises:
        IngestionError: if a split has no example.
    """
    examples = _sum_by_key([shard["examples"] for shard in shards])
    _check_splits(examples)
    if item_examples is not None:
        examples[ITEMS_SPLIT] = item_examples
    counts = IngestionCounts(
        tables=count_tables(reports),
        dead_letter_reasons=reason_counts(reports),
        examples=examples,
        positives={split: _sum_positives(shards, split) for split in SPLITS},
        sampled_negatives=_sum_by_key([shard["sampled_negatives"] for shard in shards]),
        negatives_not_found=sum(shard["negatives_not_found"] for shard in shards),
        behaviours_only=sum(shard["behaviours_only"] for shard in shards),
        users=sum(shard["users"] for shard in shards),
        items=catalogue.all_items,
        items_in_training=len(catalogue.items),
        without_attributes=_sum_by_key([shard["without_attributes"] for shard in shards]),
        unreadable_numbers=_sum_by_key([shard["unreadable_numbers"] for shard in shards])
        | shards[0]["unreadable_in_tables"],
        validation_from=boundaries.validation,
        test_from=boundaries.test,
    )
    write_report_files(folder, counts, merge_letters(letters, piece_rows))


def write_report_files(folder: str, counts: BaseModel, dead_letters: Iterable[pl.DataFrame]) -> None:
    """Write `counts.json` and `dead_letters.parquet`, one frame after the other.

    Args:
        folder: folder of the report.
        counts: the counts of the job.
        dead_letters: dead letters, as in `Table`, ordered by file and row.
    """
    with create_file(f"{folder}/{DEAD_LETTERS}") as file, pq.ParquetWriter(file, LETTER_SCHEMA) as writer:
        for frame in dead_letters:
            writer.write_table(frame.select(LETTER_SCHEMA.names).to_arrow().cast(LETTER_SCHEMA))
    with create_file(f"{folder}/{COUNTS}") as file:
        file.write(counts.model_dump_json(indent=2).encode())


def _check_splits(examples: dict[str, int]) -> None:
    """Check that every split has examples."""
    for split in SPLITS:
        if examples[split] == 0:
            shown = ", ".join(f"{name} {count:,}" for name, count in examples.items())
            raise IngestionError(f"every split should have examples, received {shown}: no event there has a label")


def _sum_by_key(parts: Sequence[dict[str, int]]) -> dict[str, int]:
    """Return the sum of the counts by key; a key keeps its place even if its sum is 0."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(total)


def _sum_positives(shards: Sequence[ShardCounts], split: str) -> dict[str, int]:
    """Return the positives of a split by task; a task without any is left out."""
    return dict(sum((Counter(shard["positives"][split]) for shard in shards), Counter()))
