"""Serialized training examples: their files, their features, and which of them are positives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from interestflow.pipeline.training.records import (
    TrainingDataError,
    filter_positives,
    is_positive,
    matching_files,
    narrow,
    parsing_spec,
    read_records,
    widen,
)
from tests.pipeline.support import training_examples

INPUTS = training_examples.INPUTS
ROWS = training_examples.make_rows(60)


def test_labels_are_read_but_are_no_input() -> None:
    assert "label_click" in parsing_spec(INPUTS)
    assert "mask_click" not in parsing_spec(INPUTS)
    assert not [name for name in INPUTS.tensors() if name.startswith(("label_", "mask_"))]


def test_files_are_sorted_and_should_exist(tmp_path: Path) -> None:
    for name in ("b", "a", "other"):
        (tmp_path / name).touch()
    assert matching_files([str(tmp_path / "b*"), str(tmp_path / "a*")]) == [str(tmp_path / "a"), str(tmp_path / "b")]
    with pytest.raises(TrainingDataError, match="no file of examples matches"):
        matching_files([str(tmp_path / "nothing-*")])


def test_compressed_beside_plain_files_are_refused() -> None:
    with pytest.raises(TrainingDataError, match=r"compressed or none, received a\.gz, b"):
        read_records(["a.gz", "b"])


def test_a_positive_has_a_label_of_one_that_is_known() -> None:
    tensors = {"label_like": np.array([1.0, 0.0, 1.0]), "mask_like": np.array([1.0, 1.0, 0.0])}
    assert is_positive(tensors, INPUTS, "like").tolist() == [True, False, False]
    assert is_positive({"label_click": np.array([1.0, 0.0])}, INPUTS, "click").tolist() == [True, False]


def test_records_of_positives_are_selected(tmp_path: Path) -> None:
    files = matching_files([training_examples.write(ROWS, tmp_path)])
    assert sum(1 for _ in read_records(files)) == 60
    expected = ROWS["item"][ROWS["label_click"] == 1.0]
    spec = {"item": tf.io.FixedLenFeature([], tf.int64)}
    items = [
        int(tf.io.parse_single_example(record, spec)["item"])
        for record in filter_positives(read_records(files), INPUTS, "click")
    ]
    assert sorted(items) == sorted(expected.tolist())


def test_ids_are_narrowed_and_widened_again() -> None:
    tensors = {"item": tf.constant([1, 2], tf.int64), "price": tf.constant([0.5])}
    narrowed = narrow(tensors)
    assert {name: tensor.dtype for name, tensor in narrowed.items()} == {"item": tf.int32, "price": tf.float32}
    assert widen(narrowed["item"]).dtype == tf.int64
    assert widen(narrowed["price"]).dtype == tf.float32
