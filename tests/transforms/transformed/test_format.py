"""Arrow schemas of transformed examples, and the columns read from them."""

from __future__ import annotations

from typing import get_args

import pyarrow as pa
import pytest

from interestflow.transforms.transformed.format import (
    FORMAT_KEY,
    SCALAR_TYPES,
    SHAPES_KEY,
    Column,
    ColumnType,
    TransformedFormatError,
    arrow_schema,
    columns_of,
    file_name,
)

COLUMNS = {
    "item": Column("int32"),
    "history_item": Column("int32", (50,)),
    "history_tags": Column("int32", (50, 3)),
    "label_click": Column("float32"),
    "item_text": Column("binary"),
}


def test_columns_are_ordered_by_name_and_lists_have_no_padding() -> None:
    schema = arrow_schema(COLUMNS)
    assert schema.names == ["history_item", "history_tags", "item", "item_text", "label_click"]
    assert schema.types == [
        pa.list_(pa.int32()), pa.list_(pa.list_(pa.int32(), 3)), pa.int32(), pa.binary(), pa.float32(),
    ]  # fmt: skip
    assert schema.metadata[FORMAT_KEY] == b"1"
    assert schema.metadata[SHAPES_KEY] == (
        b'{"history_item": [50], "history_tags": [50, 3], "item": [], "item_text": [], "label_click": []}'
    )


def test_columns_are_restored_from_the_schema() -> None:
    assert columns_of(arrow_schema(COLUMNS), "file") == COLUMNS


def test_every_type_has_a_column() -> None:
    assert set(SCALAR_TYPES) == set(get_args(ColumnType))


@pytest.mark.parametrize(
    "column", [Column("float32", (3,)), Column("binary", (3,)), Column("int32", (2, 3, 4))], ids=str
)
def test_tensors_that_the_format_cannot_hold_are_refused_by_name(column: Column) -> None:
    with pytest.raises(TransformedFormatError, match=r"`weights`: a column should hold .* of shape \['B', "):
        arrow_schema({"weights": column})


@pytest.mark.parametrize(
    ("metadata", "received"),
    [(None, "none"), ({FORMAT_KEY: b"2", SHAPES_KEY: b"{}"}, "'2'"), ({FORMAT_KEY: b"1"}, "'1'")],
)
def test_another_format_is_refused_with_the_file(metadata: dict[bytes, bytes] | None, received: str) -> None:
    with pytest.raises(TransformedFormatError, match=f"a.arrow should hold .* of format '1', received {received}"):
        columns_of(pa.schema([], metadata=metadata), "a.arrow")


def test_a_column_of_another_type_is_refused_with_its_name() -> None:
    schema = arrow_schema(COLUMNS)
    wide = schema.set(0, pa.field("history_item", pa.list_(pa.int64())))
    with pytest.raises(TransformedFormatError, match=r"column `history_item` of a\.arrow should be list<.*>, received"):
        columns_of(wide, "a.arrow")
    wide = schema.set(2, pa.field("item", pa.int64()))
    with pytest.raises(
        TransformedFormatError, match=r"column `item` of a\.arrow should be int32, float, binary, received"
    ):
        columns_of(wide, "a.arrow")


def test_a_missing_column_is_refused() -> None:
    with pytest.raises(TransformedFormatError, match=r"a.arrow should hold columns \['history_item'"):
        columns_of(arrow_schema(COLUMNS).remove(0), "a.arrow")


def test_files_are_named_by_their_shard() -> None:
    assert file_name(3, 16) == "columns-00003-of-00016.arrow"
