"""Arrow columns read back: values, projections, and files that are damaged or of another kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from interestflow.transforms.transformed.format import Column, TransformedFormatError, file_name
from interestflow.transforms.transformed.reader import (
    list_values,
    matching_files,
    open_columns,
    padded_tensor,
)
from interestflow.transforms.transformed.writer import ColumnFile
from tests.object_stores import ObjectStore

COLUMNS = {
    "item": Column("int32"),
    "price": Column("float32"),
    "history_item": Column("int32", (3,)),
    "history_tags": Column("int32", (3, 2)),
    "item_text": Column("binary"),
}
ROWS = {
    "item": np.array([4, 9]),
    "price": np.array([0.5, -1.0], np.float32),
    "history_item": np.array([[7, 0, 8], [0, 0, 0]]),
    "history_tags": np.array([[[1, 2], [0, 3], [0, 0]], [[0, 0], [0, 0], [0, 0]]]),
    "item_text": np.array([b"pear", b""], object),
}


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = str(tmp_path / file_name(0, 1))
    with ColumnFile(path, COLUMNS) as file:
        file.write(ROWS)
        file.write({name: values[:1] for name, values in ROWS.items()})
    return path


def test_tensors_are_those_that_were_written(path: str) -> None:
    with open_columns(path) as file:
        assert file.columns == COLUMNS
        assert file.batches == 2
        for expected, batch in zip((2, 1), file.read_all(list(COLUMNS)), strict=True):
            for name, column in COLUMNS.items():
                np.testing.assert_array_equal(padded_tensor(batch.column(name), column), ROWS[name][:expected])


def test_only_the_columns_asked_for_are_read(path: str) -> None:
    with open_columns(path) as file:
        assert file.read(1, ["price", "item"]).to_pydict() == {"item": [4], "price": [0.5]}


def test_lists_are_read_without_padding(path: str) -> None:
    with open_columns(path) as file:
        batch = file.read(0, ["history_item", "history_tags"])
    offsets, values = list_values(batch.column("history_item"))
    assert (offsets.tolist(), values.tolist()) == ([0, 3, 3], [7, 0, 8])
    offsets, values = list_values(batch.column("history_tags").slice(0, 1))
    assert (offsets.tolist(), values.tolist()) == ([0, 2], [[1, 2], [0, 3]])


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"rating": Column("int32")}, r"columns-.*arrow should have a column `rating`, received history_item, history"),
        ({"item": Column("float32")}, r"column `item` of .* should be float32 of shape \[\], received int32 of shape"),
        ({"history_item": Column("int32", (4,))}, r"should be int32 of shape \[4\], received int32 of shape \[3\]"),
    ],
)
def test_columns_that_are_not_as_expected_are_named(path: str, expected: dict[str, Column], message: str) -> None:
    with open_columns(path) as file, pytest.raises(TransformedFormatError, match=message):
        file.check(expected)


def test_files_that_are_damaged_are_named(path: str, tmp_path: Path) -> None:
    content = Path(path).read_bytes()
    cases = {"cut": content[:-20], "text": b"no columns at all", "empty": b""}
    for name, damaged in cases.items():
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(TransformedFormatError, match=f"{name} cannot be read"), open_columns(str(tmp_path / name)):
            pass
    with pytest.raises(TransformedFormatError, match="missing cannot be read"), open_columns(str(tmp_path / "missing")):
        pass


def test_files_are_sorted_and_complete(tmp_path: Path) -> None:
    for name in ("b", "a", "other", "bc.unfinished"):
        (tmp_path / name).touch()
    patterns = [str(tmp_path / "b*"), str(tmp_path / "a*")]
    assert matching_files(patterns) == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert matching_files([str(tmp_path / "nothing-*"), str(tmp_path / "no folder" / "*")]) == []


@pytest.mark.parametrize("kind", ["s3", "gcs"])
def test_files_in_a_store_are_read(path: str, kind: str, request: pytest.FixtureRequest) -> None:
    store: ObjectStore = request.getfixturevalue(kind)
    store.write({"Split-train/columns.arrow": Path(path).read_bytes(), "Split-train/text": b"no columns"})
    folder = f"{store.url}/Split-train"
    assert matching_files([f"{folder}/columns*"]) == [f"{folder}/columns.arrow"]
    with open_columns(f"{folder}/columns.arrow") as file:
        assert [batch["item"].to_pylist() for batch in file.read_all(["item"])] == [[4, 9], [4]]
    with pytest.raises(TransformedFormatError, match="text cannot be read"), open_columns(f"{folder}/text"):
        pass
    with pytest.raises(TransformedFormatError, match="missing cannot be read"), open_columns(f"{folder}/missing"):
        pass
