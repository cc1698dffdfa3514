"""Reads examples back: some columns of whole files, or everything of some examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from interestflow.transforms.feature_spec import SCHEMA_TYPES
from interestflow.transforms.leakage.reference_examples import Features
from interestflow.transforms.reading.files import TableError
from interestflow.transforms.splits import SPLITS

BATCH = 4096


def shard_files(folder: str) -> list[dict[str, str]]:
    """The files of each shard by split; all examples of a user are in one shard.

    Args:
        folder: below which each split has its own, `Split-train` and so on.

    Raises:
        TableError: where there are no examples.
    """
    shards: dict[str, dict[str, str]] = {}
    for split in SPLITS:
        (match,) = FileSystems.match([f"{folder}/Split-{split}/*.gz"])
        for file in match.metadata_list:
            shards.setdefault(file.path.rpartition("/")[2], {})[split] = file.path
    if not shards:
        raise TableError(f"{folder} should hold examples, received none")
    return [shards[name] for name in sorted(shards)]


def read_columns(path: str, spec: Mapping[str, Any]) -> pl.DataFrame:
    """Some features of all examples of a file.

    Args:
        path: of gzipped TFRecord.
        spec: parsing specification of those features; one that is a list there gives a column of lists.

    Returns:
        Text as text, a single value that is missing null.
    """
    names = list(spec)
    decoder = _decoder(spec)
    frames = [_as_columns(decoder.DecodeBatch(records), spec) for records in _records(path)]
    empty = pl.DataFrame(schema={name: _column_type(spec[name]) for name in names})
    return pl.concat([empty, *frames])


def read_rows(path: str, rows: np.ndarray, spec: Mapping[str, Any]) -> list[Features]:
    """Some examples of a file, features as lists.

    Args:
        path: of gzipped TFRecord.
        rows: int64 [N] ascending, the places of the examples in the file, from 0.
        spec: parsing specification of the features to read.
    """
    decoder = _decoder(spec)
    found: list[Features] = []
    for number, records in enumerate(_records(path)):
        first, last = np.searchsorted(rows, (number * BATCH, (number + 1) * BATCH))
        if first < last:
            found += _as_features(decoder.DecodeBatch([records[row - number * BATCH] for row in rows[first:last]]))
    return found


def _records(path: str) -> Iterator[list[bytes]]:
    for batch in tf.data.TFRecordDataset(path, compression_type="GZIP").batch(BATCH).as_numpy_iterator():
        yield batch.tolist()


def _decoder(spec: Mapping[str, Any]) -> ExamplesToRecordBatchDecoder:
    schema = schema_pb2.Schema()
    for name, feature in spec.items():
        schema.feature.add(name=name, type=SCHEMA_TYPES[feature.dtype])
    return ExamplesToRecordBatchDecoder(schema.SerializeToString())


def _column_type(feature: Any) -> Any:
    kind = {tf.string: pl.String, tf.int64: pl.Int64, tf.float32: pl.Float32}[feature.dtype]
    return pl.List(kind) if isinstance(feature, tf.io.VarLenFeature) else kind


def _as_columns(batch: pa.RecordBatch, spec: Mapping[str, Any]) -> pl.DataFrame:
    frame = pl.DataFrame(pl.from_arrow(batch)).select(*spec)
    columns = []
    for name, feature in spec.items():
        kind = _column_type(feature)
        if isinstance(kind, pl.List):
            columns.append(pl.col(name).cast(kind).fill_null([]))
        else:
            columns.append(pl.col(name).list.first().cast(kind))
    return frame.select(columns)


def _as_features(batch: pa.RecordBatch) -> list[Features]:
    frame = pl.DataFrame(pl.from_arrow(batch))
    texts = [name for name, kind in frame.schema.items() if kind == pl.List(pl.Binary)]
    return frame.with_columns(pl.col(texts).cast(pl.List(pl.String))).with_columns(pl.all().fill_null([])).to_dicts()
