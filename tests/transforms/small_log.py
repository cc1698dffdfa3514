"""Small logs for the tests: a configuration from YAML, events as rows, examples as dictionaries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import tensorflow as tf
import yaml
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from interestflow.transforms.config import IngestionConfig

SECOND = 1_000_000

BASE = """
data:
  events: {path: "events*.csv", format: csv, user: user, item: item, timestamp: time}
tasks:
  - {name: click, label: {column: click}}
"""


def configuration(folder: Path | str | None = None, **sections: Any) -> IngestionConfig:
    """Return the configuration of a log of clicks.

    `sections` replace those of the same name, and `data__events` a part of a section.
    """
    document = yaml.safe_load(BASE)
    for name, value in sections.items():
        section, _, part = name.partition("__")
        if part:
            document[section][part] = value
        else:
            document[section] = value
    document["data"]["folder"] = None if folder is None else str(folder)
    return IngestionConfig.model_validate(document)


def events(rows: list[tuple[Any, ...]], *columns: str) -> pl.DataFrame:
    """Return events as the readers do, from rows `(user, item, seconds, click, ...)`."""
    names = ("user", "item", "timestamp", "click", *columns)
    frame = pl.DataFrame({name: [row[column] for row in rows] for column, name in enumerate(names)}, strict=False)
    return frame.with_columns(
        pl.col("timestamp").cast(pl.Int64) * SECOND, pl.int_range(pl.len(), dtype=pl.Int64).alias("order")
    )


def decoded(batches: list[pa.RecordBatch]) -> list[dict[str, Any]]:
    """Return the examples that record batches encode to."""
    encoder = RecordBatchToExamplesEncoder()
    return [as_dictionary(record) for batch in batches for record in encoder.encode(batch)]


def read_split(folder: Path, split: str) -> list[dict[str, Any]]:
    """Read all examples of a split, ordered by user, time and item."""
    files = sorted(str(file) for file in (folder / f"Split-{split}").glob("*.gz"))
    records = tf.data.TFRecordDataset(files, compression_type="GZIP") if files else []
    examples = [as_dictionary(bytes(record.numpy())) for record in records]
    return sorted(examples, key=lambda example: (example["user"], example["timestamp"], example["item"]))


def as_dictionary(record: bytes) -> dict[str, Any]:
    """Return an example as a dictionary; single values are not in lists, unless along the history or named `_list`."""
    example: dict[str, Any] = {}
    for name, feature in tf.train.Example.FromString(record).features.feature.items():
        kind = feature.WhichOneof("kind")
        values = list(getattr(feature, kind).value) if kind else []
        values = [value.decode() if isinstance(value, bytes) else value for value in values]
        is_list = (name.startswith("history_") and name != "history_count") or name.endswith("_list")
        example[name] = values if is_list else values[0]
    return example
