"""Padded tensors in, exact columns out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from interestflow.transforms.transformed.format import BATCH_ROWS, Column, TransformedFormatError, arrow_schema
from interestflow.transforms.transformed.writer import ColumnFile

COLUMNS = {
    "item": Column("int32"),
    "history_item": Column("int32", (3,)),
    "history_tags": Column("int32", (3, 2)),
    "label_click": Column("float32"),
    "item_text": Column("binary"),
}
TENSORS = {
    "item": np.array([7, 2**31 - 1, 0]),
    "history_item": np.array([[0, 5, 0], [0, 0, 0], [1, 2, 3]]),
    "history_tags": np.array([[[1, 2], [0, 3], [0, 0]], np.zeros((3, 2), int), [[0, 0], [0, 0], [4, 0]]]),
    "label_click": np.array([0.0, 1.0, 0.5], np.float32),
    "item_text": np.array([b"a", "東京".encode(), b""], object),
}
ROWS = {
    "item": [7, 2**31 - 1, 0],
    "history_item": [[0, 5], [], [1, 2, 3]],
    "history_tags": [[[1, 2], [0, 3]], [], [[0, 0], [0, 0], [4, 0]]],
    "label_click": [0.0, 1.0, 0.5],
    "item_text": [b"a", "東京".encode(), b""],
}


def read(path: Path) -> pa.Table:
    with pa.ipc.open_file(str(path)) as file:
        return file.read_all()


def test_padding_at_the_end_is_left_out_and_zeros_inside_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    with ColumnFile(str(path), COLUMNS) as file:
        file.write(TENSORS)
        file.write({name: tensor[:1] for name, tensor in TENSORS.items()})
        assert file.examples == 4
        assert not path.exists()
    table = read(path)
    assert table.schema.equals(arrow_schema(COLUMNS), check_metadata=True)
    assert table.to_pydict() == {name: [*rows, rows[0]] for name, rows in ROWS.items()}
    assert [file.name for file in tmp_path.iterdir()] == ["a.arrow"]


def test_a_file_without_examples_has_its_schema(tmp_path: Path) -> None:
    with ColumnFile(str(tmp_path / "a.arrow"), COLUMNS):
        pass
    table = read(tmp_path / "a.arrow")
    assert table.num_rows == 0
    assert table.schema.equals(arrow_schema(COLUMNS), check_metadata=True)


def test_record_batches_are_bounded(tmp_path: Path) -> None:
    with ColumnFile(str(tmp_path / "a.arrow"), {"item": Column("int32")}) as file:
        file.write({"item": np.arange(BATCH_ROWS + 5)})
    with pa.ipc.open_file(str(tmp_path / "a.arrow")) as reader:
        assert [reader.get_batch(index).num_rows for index in range(reader.num_record_batches)] == [BATCH_ROWS, 5]
        assert reader.read_all()["item"].to_pylist() == list(range(BATCH_ROWS + 5))


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1])
def test_ids_that_do_not_fit_are_refused_by_name_and_nothing_is_left(tmp_path: Path, value: int) -> None:
    for name, tensor in {"item": np.array([value]), "history_item": np.array([[1, value, 0]])}.items():
        with (
            pytest.raises(TransformedFormatError, match=f"`{name}` should hold ids of 32 bits, received {value}"),
            ColumnFile(str(tmp_path / "a.arrow"), {name: COLUMNS[name]}) as file,
        ):
            file.write({name: tensor})
    assert list(tmp_path.iterdir()) == []


def test_a_tensor_of_another_shape_is_refused_by_name(tmp_path: Path) -> None:
    with (
        pytest.raises(
            TransformedFormatError, match=r"`history_item` should have shape \['B', 3\], received \['B', 4\]"
        ),
        ColumnFile(str(tmp_path / "a.arrow"), {"history_item": COLUMNS["history_item"]}) as file,
    ):
        file.write({"history_item": np.zeros((2, 4), int)})
