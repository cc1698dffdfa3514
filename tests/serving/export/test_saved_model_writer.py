"""A written SavedModel has each variable once, tables with their files, and no paths of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from interestflow.serving.export.saved_model_writer import (
    ExportError,
    operation_names,
    read_saved_model,
    write_saved_model,
)
from interestflow.serving.session_model import SessionModel, read_meta_graph


def concrete(function: Any, dtype: tf.DType = tf.float32) -> Any:
    return tf.function(function, autograph=False).get_concrete_function(x=tf.TensorSpec([None], dtype, name="x"))


def test_a_variable_of_two_signatures_is_written_once(tmp_path: Path) -> None:
    factor = tf.Variable(3.0, name="factor")
    signatures = {"scale": concrete(lambda x: {"y": factor * x}), "add": concrete(lambda x: {"y": factor + x})}
    write_saved_model(signatures, None, str(tmp_path))
    keys = [key for key, _ in tf.train.list_variables(str(tmp_path / "variables" / "variables")) if key[0] != "_"]
    assert len(keys) == 1
    model, x = SessionModel(tmp_path), np.array([2.0], np.float32)
    assert [model.run(key, {"x": x})["y"].tolist() for key in ("scale", "add")] == [[6.0], [5.0]]


def test_variables_of_one_name_keep_their_own_values(tmp_path: Path) -> None:
    one, two = tf.Variable(3.0, name="factor"), tf.Variable(5.0, name="factor")
    write_saved_model({"scale": concrete(lambda x: {"one": one * x, "two": two * x})}, None, str(tmp_path))
    answer = SessionModel(tmp_path).run("scale", {"x": np.array([1.0], np.float32)})
    assert {name: values.tolist() for name, values in answer.items()} == {"one": [3.0], "two": [5.0]}


def test_a_table_is_written_with_its_file_but_not_where_that_lay(tmp_path: Path) -> None:
    vocabulary = tmp_path / "made" / "words"
    vocabulary.parent.mkdir()
    vocabulary.write_text("yes\nno\n")
    initializer = tf.lookup.TextFileInitializer(
        str(vocabulary), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
    )
    holder = tf.Module()
    holder.table = tf.lookup.StaticHashTable(initializer, -1)
    holder.unused = tf.lookup.StaticHashTable(initializer, -1)
    signature = concrete(lambda x: {"ids": holder.table.lookup(x)}, tf.string)
    write_saved_model({"ids": signature}, holder, str(tmp_path / "model"))
    assert [path.name for path in (tmp_path / "model" / "assets").iterdir()] == ["words"]
    creators = [
        node
        for function in read_meta_graph(str(tmp_path / "model")).graph_def.library.function
        for node in function.node_def
        if node.op == "HashTableV2"
    ]
    assert len(creators) == 1  # not the table that no signature reads
    assert str(tmp_path).encode() not in (tmp_path / "model" / "saved_model.pb").read_bytes()
    vocabulary.unlink()
    answer = SessionModel(tmp_path / "model").run("ids", {"x": np.array([b"no", b"maybe"], object)})
    assert answer["ids"].tolist() == [1, -1]


def test_python_in_a_graph_is_refused(tmp_path: Path) -> None:
    signature = concrete(lambda x: {"y": tf.numpy_function(lambda values: values, [x], tf.float32)})
    with pytest.raises(ExportError, match="its graph has PyFunc"):
        write_saved_model({"python": signature}, None, str(tmp_path))
    assert "PyFunc" in operation_names(read_saved_model(str(tmp_path)))
