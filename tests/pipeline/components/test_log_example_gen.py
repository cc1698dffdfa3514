"""Logs become examples by split, with counts."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tfx.types import artifact_utils

from interestflow.transforms.ingestion.counts import IngestionCounts
from tests.pipeline.components.conftest import EVENTS, Ingested, ingest_log, write_log


def count_examples(ingested: Ingested, split: str) -> int:
    files = [str(path) for path in Path(ingested.examples.uri, f"Split-{split}").glob("*.gz")]
    return sum(1 for _ in tf.data.TFRecordDataset(files, compression_type="GZIP"))


def test_every_event_is_an_example_of_one_split_and_counted(ingested: Ingested) -> None:
    assert artifact_utils.decode_split_names(ingested.examples.split_names) == ["train", "validation", "test"]
    counts = IngestionCounts.model_validate_json(Path(ingested.report.uri, "counts.json").read_text())
    assert counts.examples == {split: count_examples(ingested, split) for split in ("train", "validation", "test")}
    assert sum(counts.examples.values()) == EVENTS
    assert counts.tables["events"].rows == EVENTS


def test_a_matcher_has_a_further_split_with_each_item(tmp_path: Path) -> None:
    with_items = ingest_log(tmp_path, write_log(tmp_path / "log", seed=1), with_items=1)
    splits = artifact_utils.decode_split_names(with_items.examples.split_names)
    assert splits == ["train", "validation", "test", "items"]
    assert count_examples(with_items, "items") == 8
