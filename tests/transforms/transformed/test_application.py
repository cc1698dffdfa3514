"""The learned transform as a function of serialized examples, and files that are transformed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import tensorflow as tf

from interestflow.transforms.feature_spec import raw_feature_spec
from interestflow.transforms.transformed.application import LearnedTransform, TransformFile, TransformTask
from interestflow.transforms.transformed.format import Column
from tests.transforms.transformed.raw_rows import CONFIG, Row, serialize, write_rows
from tests.transforms.transformed.transformed_rows import Transformed

ROW: Row = {"history_item": ["unknown", ""], "history_age": [1, 0], "label_click": 1.0}


def test_columns_have_the_types_and_shapes_of_the_graph(transformed: Transformed) -> None:
    learned = LearnedTransform.load(str(transformed.graph), raw_feature_spec(CONFIG, with_labels=True))
    assert learned.columns["item"] == Column("int32")
    assert learned.columns["history_item"] == Column("int32", (3,))
    assert learned.columns["history_tags"] == Column("int32", (3, 2))
    assert learned.columns["price"] == learned.columns["label_click"] == Column("float32")
    assert learned.columns["item_text"] == Column("binary")
    outputs = learned.function(tf.constant([serialize(CONFIG, ROW)]))
    assert outputs["history_age"].numpy().tolist() == [[2, 1, 0]]


def test_a_feature_that_the_graph_reads_must_be_parsed(transformed: Transformed) -> None:
    spec = raw_feature_spec(CONFIG, with_labels=True)
    del spec["price"]
    with pytest.raises(ValueError, match=r"all features of the transform, missing those of \['price'\]"):
        LearnedTransform.load(str(transformed.graph), spec)


def test_the_examples_of_a_file_are_counted(transformed: Transformed, tmp_path: Path) -> None:
    write_rows(CONFIG, tmp_path / "raw.gz", [ROW] * 3)
    step = TransformFile(str(transformed.graph), raw_feature_spec(CONFIG, with_labels=True))
    task = TransformTask("train", str(tmp_path / "raw.gz"), str(tmp_path / "a.arrow"))
    assert list(step.process(task, None)) == [("train", 3)]
    table = pa.ipc.open_file(str(tmp_path / "a.arrow")).read_all()
    assert table["history_age"].to_pylist() == [[2, 1]] * 3
