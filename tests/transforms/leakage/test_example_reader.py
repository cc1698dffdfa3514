"""Examples that were written are read back: columns of all of them, or everything of some."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from interestflow.transforms.examples.tfrecord_writer import ExampleFile
from interestflow.transforms.leakage import example_reader as example_samples
from interestflow.transforms.leakage.example_reader import read_columns, read_rows, shard_files
from interestflow.transforms.reading.files import TableError

SPEC = {
    "user": tf.io.FixedLenFeature([], tf.string),
    "price": tf.io.FixedLenFeature([], tf.float32),
    "history_item": tf.io.VarLenFeature(tf.string),
    "history_age": tf.io.VarLenFeature(tf.int64),
}


def write(path: Path, count: int) -> Path:
    records = []
    for index in range(count):
        example = tf.train.Example()
        feature = example.features.feature
        feature["user"].bytes_list.value.append(f"ü{index}".encode())
        feature["price"].float_list.value.append(index / 2)
        feature["history_item"].bytes_list.value.extend([b"i"] * (index % 3))
        feature["history_age"].int64_list.value.extend(range(index % 3))
        records.append(example.SerializeToString())
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExampleFile(str(path)) as file:
        file.write(records)
    return path


def test_columns_of_all_examples_are_read(tmp_path: Path) -> None:
    frame = read_columns(str(write(tmp_path / "part.gz", 3)), {name: SPEC[name] for name in ("history_item", "user")})
    assert frame.rows() == [([], "ü0"), (["i"], "ü1"), (["i", "i"], "ü2")]
    assert read_columns(str(write(tmp_path / "none.gz", 0)), SPEC).height == 0


def test_all_features_of_some_examples_are_read_in_batches_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(write(tmp_path / "part.gz", 10))
    expected = [
        {"user": ["ü2"], "price": [1.0], "history_item": ["i", "i"], "history_age": [0, 1]},
        {"user": ["ü3"], "price": [1.5], "history_item": [], "history_age": []},
        {"user": ["ü9"], "price": [4.5], "history_item": [], "history_age": []},
    ]
    for batch in (1, 3, 4096):
        monkeypatch.setattr(example_samples, "BATCH", batch)
        assert read_rows(path, np.array([2, 3, 9]), SPEC) == expected


def test_files_are_grouped_by_shard(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for index in range(2):
            write(tmp_path / f"Split-{split}" / f"data_tfrecord-0000{index}-of-00002.gz", 1)
    shards = shard_files(str(tmp_path))
    assert [set(shard) for shard in shards] == [{"train", "test"}] * 2
    assert shards[1]["test"].endswith("Split-test/data_tfrecord-00001-of-00002.gz")
    with pytest.raises(TableError, match="should hold examples, received none"):
        shard_files(str(tmp_path / "nowhere"))
