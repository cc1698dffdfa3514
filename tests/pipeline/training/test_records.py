"""Transformed examples of an earlier version: TFRecord files, converted to columns."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from interestflow.pipeline.training.records import convert_records
from interestflow.transforms.transformed.format import Column
from interestflow.transforms.transformed.reader import open_columns, padded_tensor

COLUMNS = {"item": Column("int32"), "history_item": Column("int32", (3,))}


def test_records_become_columns(tmp_path: Path) -> None:
    example = tf.train.Example()
    example.features.feature["item"].int64_list.value.append(7)
    example.features.feature["history_item"].int64_list.value.extend([4, 5, 0])
    with tf.io.TFRecordWriter(str(tmp_path / "a.gz"), "GZIP") as writer:
        writer.write(example.SerializeToString())
    (path,) = convert_records([str(tmp_path / "a.gz")], COLUMNS)
    with open_columns(path) as file:
        (batch,) = file.read_all(list(COLUMNS))
    assert batch.column("item").to_pylist() == [7]
    assert padded_tensor(batch.column("history_item"), COLUMNS["history_item"]).tolist() == [[4, 5, 0]]
