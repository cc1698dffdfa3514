"""Tables with fewer bytes: the numbers that are served, and a whole model whose files hold nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.serving.config import TableType
from interestflow.serving.export import compact_tables as module
from interestflow.serving.export.compact_tables import compact_tables, free_memory
from interestflow.serving.export.saved_model_writer import ExportError, write_saved_model
from interestflow.serving.session_model import SessionModel

ROWS = np.array([[0.0, 0.0, 0.0], [127.0, -63.6, 0.4], [0.002, -0.254, 0.1275], [1.0 + 2.0**-12, 3.0, 6e-9]])


class OneTable(keras.Model):
    def __init__(self, rows: np.ndarray) -> None:
        super().__init__()
        self.table = EmbeddingTable(*rows.shape)
        self.table.build()
        self.table.table.assign(rows)

    def call(self, ids: Any) -> Any:
        return self.table(ids)


@pytest.mark.parametrize(
    ("table_type", "expected"),
    [
        ("float32", ROWS),
        # The row with 127 has the scale 1, the next 0.002, and the last 3 / 127, of which its first number is 42.34.
        ("int8", [[0, 0, 0], [127, -64, 0], [0.002, -0.254, 0.128], [42 * 3 / 127, 3, 0]]),
        ("float16", ROWS.astype(np.float16)),  # 1 + 2^-12 becomes 1, and 6e-9 becomes 0
    ],
)
@pytest.mark.parametrize("part_bytes", [module.PART_BYTES, 24], ids=["one part", "parts of two rows"])
def test_rows_are_served_as_they_are_stored(
    monkeypatch: pytest.MonkeyPatch, part_bytes: int, table_type: TableType, expected: Any
) -> None:
    monkeypatch.setattr(module, "PART_BYTES", part_bytes)
    model, ids = OneTable(ROWS), tf.constant([[3, 2], [1, 0]])
    with compact_tables(model, table_type):
        served = model(ids)
    np.testing.assert_allclose(served, np.asarray(expected, np.float32)[[[3, 2], [1, 0]]], rtol=1e-6)
    np.testing.assert_array_equal(model(ids), ROWS.astype(np.float32)[[[3, 2], [1, 0]]])  # outside nothing changes


def test_the_error_of_int8_is_at_most_half_a_scale() -> None:
    rows = np.random.default_rng(3).normal(size=(50, 16)).astype(np.float32)
    model = OneTable(rows)
    with compact_tables(model, "int8"):
        error = np.abs(model(tf.range(50)).numpy() - rows)[1:]  # row 0 is padding
    scales = np.abs(rows).max(axis=1, keepdims=True)[1:] / 127
    assert np.all(error <= 0.5001 * scales)
    assert np.max(error / scales) > 0.4


@pytest.mark.parametrize(("table_type", "value"), [("float16", 70000.0), ("float16", np.inf), ("int8", np.nan)])
def test_numbers_that_a_type_cannot_hold_are_refused(table_type: TableType, value: float) -> None:
    rows = ROWS.copy()
    rows[2, 1] = value
    reason = r"`serving\.table_dtype` should be float32: the table"
    with pytest.raises(ExportError, match=reason), compact_tables(OneTable(rows), table_type):
        pass


def test_a_table_of_width_1_would_be_larger_as_int8() -> None:
    model = OneTable(np.array([[0.1], [0.2], [0.3]]))
    with compact_tables(model, "int8", free=True):
        np.testing.assert_array_equal(model(tf.constant([1])), np.float32([[0.2]]))


def test_freed_variables_take_no_memory() -> None:
    variable = tf.Variable(tf.ones((3, 2)))
    free_memory([variable])
    read = tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=tf.float32)
    assert read.shape == (0, 0)


def test_a_saved_model_holds_the_compact_table_alone(tmp_path: Path) -> None:
    """The table in memory is freed before, and the signature answers from the copy, in a session too."""
    model, ids = OneTable(ROWS), np.array([3, 1], np.int32)
    with compact_tables(model, "int8", free=True):
        function = tf.function(lambda ids: {"rows": model(ids)}, autograph=False)
        signature = function.get_concrete_function(ids=tf.TensorSpec([None], tf.int32, name="ids"))
        write_saved_model({"rows": signature}, None, str(tmp_path))
    reader = tf.train.load_checkpoint(str(tmp_path / "variables" / "variables"))
    types, shapes = reader.get_variable_to_dtype_map(), reader.get_variable_to_shape_map()
    stored = {(types[name].name, tuple(shapes[name])) for name in types if not name.startswith("_")}
    assert stored == {("int8", (4, 3)), ("float32", (4,))}
    rows = SessionModel(tmp_path).run("rows", {"ids": ids})["rows"]
    np.testing.assert_allclose(rows, [[42 * 3 / 127, 3, 0], [127, -64, 0]], rtol=1e-6)
