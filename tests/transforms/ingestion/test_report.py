"""Files of the ingestion report, from the counts of shards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from interestflow.transforms.examples.catalogue_counts import CatalogueCounts
from interestflow.transforms.ingestion.counts import IngestionCounts, TableCounts
from interestflow.transforms.ingestion.dead_letters import IngestionError, TableReport
from interestflow.transforms.ingestion.letter_files import write_letters
from interestflow.transforms.ingestion.report import ShardCounts, write_report
from interestflow.transforms.reading.pieces import FilePiece
from interestflow.transforms.splits import Boundaries

REPORTS = [TableReport("events", 11, {"no user id": 1}), TableReport("items", 4, {})]
CATALOGUE = CatalogueCounts(pl.Series(["a", "b", "c"]), np.array([3, 1, 1]), 4)


def shard_counts(train: int, test: int) -> ShardCounts:
    """Return the counts of a shard of two users."""
    return {
        "users": 2,
        "examples": {"train": train, "validation": 1, "test": test},
        "positives": {"train": {"click": train - 1}, "validation": {"click": 0}, "test": {"click": test}},
        "sampled_negatives": {"train": 1, "validation": 0, "test": 0},
        "negatives_not_found": 3,
        "behaviours_only": 1,
        "without_attributes": {"items": 2},
        "unreadable_numbers": {"price": 1},
        "unreadable_in_tables": {"size": 5},
    }


def test_counts_are_summed_over_shards_and_the_row_of_a_piece_is_that_of_its_file(tmp_path: Path) -> None:
    shards = [shard_counts(3, 0), shard_counts(2, 1)]
    letters = pl.DataFrame(
        {"file": ["f"], "row": [9], "reason": ["no user id in `u`"], "kind": ["k"], "content": ["{}"]}
    )
    chunks = write_letters(letters, str(tmp_path))
    pieces = [(FilePiece(0, "f", 0, 5), 3), (FilePiece(0, "f", 5, 5), 4)]
    write_report(None, str(tmp_path), Boundaries(7, 9), REPORTS, chunks, pieces, shards, CATALOGUE, 12)
    assert IngestionCounts.model_validate_json((tmp_path / "counts.json").read_text()) == IngestionCounts(
        tables={
            "events": TableCounts(rows=11, usable=10, dead_letters=1),
            "items": TableCounts(rows=4, usable=4, dead_letters=0),
        },
        dead_letter_reasons={"events: no user id": 1},
        examples={"train": 5, "validation": 2, "test": 1, "items": 12},
        positives={"train": {"click": 3}, "validation": {}, "test": {"click": 1}},
        sampled_negatives={"train": 2, "validation": 0, "test": 0},
        negatives_not_found=6,
        behaviours_only=2,
        users=4,
        items=4,
        items_in_training=3,
        without_attributes={"items": 4},
        unreadable_numbers={"price": 2, "size": 5},
        validation_from=7,
        test_from=9,
    )
    assert pl.read_parquet(tmp_path / "dead_letters.parquet").rows() == [("f", 7, "no user id in `u`", "{}")]


def test_a_split_without_examples_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(
        IngestionError, match="every split should have examples, received train 3, validation 1, test 0"
    ):
        write_report(None, str(tmp_path), Boundaries(7, 9), REPORTS, [], [], [shard_counts(3, 0)], CATALOGUE)
