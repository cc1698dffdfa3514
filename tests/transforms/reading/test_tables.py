"""Dead letters: what they show of a row that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from interestflow.transforms.reading.row_checks import RowCheck, missing_id_checks
from interestflow.transforms.reading.row_numbers import MalformedRow, ParsedBlock, number_rows
from interestflow.transforms.reading.tables import split_rows
from tests.transforms.reading.small_tables import read_all, reasons, write_file
from tests.transforms.small_config import shop


def test_a_dead_letter_has_the_used_columns_of_its_row_and_its_position(tmp_path: Path) -> None:
    path = write_file(tmp_path, "user_id,item_id,at,click,unused\n7,1,soon,1,x\n7,1,100,1\n")
    table = read_all(path, shop())
    first, second = table.dead_letters.rows(named=True)
    assert (first["file"], first["row"], first["kind"]) == (str(path), 1, "timestamp cannot be read")
    assert json.loads(first["content"]) == {"user_id": "7", "item_id": "1", "at": "soon", "click": "1"}
    assert (second["row"], second["kind"], second["content"]) == (2, "not a line of the table", "7,1,100,1")


def test_a_row_that_is_not_utf8_is_bad_only_if_the_column_is_used(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(b"user_id,item_id,at,click,title\n7,caf\xe9,100,1,x\n7,caf\xc3\xa9,100,1,caf\xe9\n")
    table = read_all(path, shop())
    assert reasons(table) == [(1, "not UTF-8 in `item_id`")]
    assert table.frame.get_column("item").to_list() == ["café"]


def test_rows_are_split_by_the_first_reason_that_applies() -> None:
    """Row 3 could not be parsed, row 4 is bad for both reasons, and row 5 is not UTF-8."""
    raw = pl.DataFrame({"id": ["a", "", "caf\ufffd"], "size": ["1", "big", "2"]})
    malformed = [MalformedRow(1, "1 field in a line, not 2", "not a line of the table", b"x")]
    block = number_rows(ParsedBlock(raw, [0, 2, 3], malformed), rows_before=1)
    checks = [
        *missing_id_checks({"id": ("id", "no id")}),
        RowCheck(pl.col("size") == "big", "too big", pl.format("size {} is too big", "size")),
    ]
    table = split_rows(raw, block, checks, "f.csv", ["id"])
    assert table.frame.rows() == [("a",)]
    assert table.dead_letters.rows() == [
        ("f.csv", 3, "1 field in a line, not 2", "not a line of the table", "x"),
        ("f.csv", 4, "no id in `id`", "no id", '{"id":"","size":"big"}'),
        ("f.csv", 5, "not UTF-8 in `id`", "not UTF-8", '{"id":"caf\ufffd","size":"2"}'),
    ]
    assert table.rows == 4
