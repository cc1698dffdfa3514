"""Transformed examples that an earlier version left as TFRecord files, converted to columns."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from interestflow.transforms.transformed.format import Column, file_name
from interestflow.transforms.transformed.writer import ColumnFile

PARSING_BATCH = 4096
TYPES = {"int32": tf.int64, "float32": tf.float32, "binary": tf.string}


def convert_records(files: Sequence[str], columns: Mapping[str, Column]) -> list[str]:
    """Write the examples of gzipped TFRecord files as columns, into a folder that is removed when the process ends.

    Args:
        files: Files of serialized examples.
        columns: Columns to write.

    Returns:
        The paths of the files of columns, one for each file.
    """
    folder = tempfile.mkdtemp(prefix="interestflow-columns-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    spec = {name: tf.io.FixedLenFeature(column.shape, TYPES[column.dtype]) for name, column in columns.items()}
    converted = [str(Path(folder, file_name(shard, len(files)))) for shard in range(len(files))]
    for file, path in zip(files, converted, strict=True):
        with ColumnFile(path, columns) as output:
            for batch in tf.data.TFRecordDataset(file, "GZIP").batch(PARSING_BATCH):
                output.write({name: tensor.numpy() for name, tensor in tf.io.parse_example(batch, spec).items()})
    return converted
