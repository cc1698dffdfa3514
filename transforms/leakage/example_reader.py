"""Read written examples: some columns of whole files, or every feature of some examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl
import pyarrow as pa
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from interestflow.transforms.feature_spec import SCHEMA_TYPES, FeatureSpec, RawFeature
from interestflow.transforms.leakage.reference_examples import Features
from interestflow.transforms.reading.files import TableError
from interestflow.transforms.splits import SPLITS

BATCH = 4096
POLARS_TYPES: Mapping[tf.DType, type[pl.DataType]] = {
    tf.string: pl.String, tf.int64: pl.Int64, tf.float32: pl.Float32,
}  # fmt: skip


def shard_files(folder: str) -> list[dict[str, str]]:
    """Return the files of each shard by split; all examples of a user are in one shard.

    Args:
        folder: folder with one folder for each split, `Split-train` and so on.

    Raises:
        TableError: if there are no examples.
    """
    shards: dict[str, dict[str, str]] = {}
    for split in SPLITS:
        (match,) = FileSystems.match([f"{folder}/Split-{split}/*.gz"])
        for file in match.metadata_list:
            shards.setdefault(file.path.rpartition("/")[2], {})[split] = file.path
    if not shards:
        raise TableError(f"{folder} should hold examples, received none")
    return [shards[name] for name in sorted(shards)]


def read_columns(path: str, spec: FeatureSpec) -> pl.DataFrame:
    """Read some features of all examples of a file.

    Args:
        path: path of a gzipped TFRecord file.
        spec: parsing specification of the features; a list-valued one becomes a column of lists.

    Returns:
        One row an example; text as text, a missing single value as null.
    """
    names = list(spec)
    decoder = _decoder(spec)
    frames = [_to_columns(decoder.DecodeBatch(records), spec) for records in _record_batches(path)]
    empty = pl.DataFrame(schema={name: _column_type(spec[name]) for name in names})
    return pl.concat([empty, *frames])


def read_rows(path: str, rows: np.ndarray, spec: FeatureSpec) -> list[Features]:
    """Read some examples of a file.

    Args:
        path: path of a gzipped TFRecord file.
        rows: int64 [N] ascending, positions of the examples in the file, from 0.
        spec: parsing specification of the features to read.

    Returns:
        The features of each example as lists.
    """
    decoder = _decoder(spec)
    examples: list[Features] = []
    for batch_index, records in enumerate(_record_batches(path)):
        first, last = np.searchsorted(rows, (batch_index * BATCH, (batch_index + 1) * BATCH))
        if first < last:
            selected = [records[row - batch_index * BATCH] for row in rows[first:last]]
            examples += _to_features(decoder.DecodeBatch(selected))
    return examples


def _record_batches(path: str) -> Iterator[list[bytes]]:
    """Yield the records of a file in batches."""
    for batch in tf.data.TFRecordDataset(path, compression_type="GZIP").batch(BATCH).as_numpy_iterator():
        yield batch.tolist()


def _decoder(spec: FeatureSpec) -> ExamplesToRecordBatchDecoder:
    """Return the decoder of these features."""
    schema = schema_pb2.Schema()
    for name, feature in spec.items():
        schema.feature.add(name=name, type=SCHEMA_TYPES[feature.dtype])
    return ExamplesToRecordBatchDecoder(schema.SerializeToString())


def _column_type(feature: RawFeature) -> pl.DataType:
    """Return the type of the column of a feature."""
    kind = POLARS_TYPES[feature.dtype]()
    return pl.List(kind) if isinstance(feature, tf.io.VarLenFeature) else kind


def _to_columns(batch: pa.RecordBatch, spec: FeatureSpec) -> pl.DataFrame:
    """Convert a decoded batch, whose features are all lists, to columns of their own types."""
    frame = pl.DataFrame(pl.from_arrow(batch)).select(*spec)
    columns = []
    for name, feature in spec.items():
        kind = _column_type(feature)
        if isinstance(kind, pl.List):
            columns.append(pl.col(name).cast(kind).fill_null([]))
        else:
            columns.append(pl.col(name).list.first().cast(kind))
    return frame.select(columns)


def _to_features(batch: pa.RecordBatch) -> list[Features]:
    """Convert a decoded batch to one dictionary of lists for each example."""
    frame = pl.DataFrame(pl.from_arrow(batch))
    texts = [name for name, kind in frame.schema.items() if kind == pl.List(pl.Binary)]
    return frame.with_columns(pl.col(texts).cast(pl.List(pl.String))).with_columns(pl.all().fill_null([])).to_dicts()
