"""Rows of a block get their row numbers in the file."""

from __future__ import annotations

import polars as pl

from interestflow.transforms.reading.row_numbers import MalformedRow, ParsedBlock, number_rows


def test_rows_are_numbered_from_one_after_those_before() -> None:
    block = number_rows(ParsedBlock(pl.DataFrame({"a": ["x", "y"]}), None, []), rows_before=3)
    assert block.rows.to_list() == [4, 5]
    assert block.row_count == 2
    assert block.malformed.columns == ["row", "reason", "kind", "content"]


def test_malformed_rows_count_and_are_cut_to_what_a_dead_letter_keeps() -> None:
    malformed = [MalformedRow(1, "2 fields", "fields", b"b\xff" + b"c" * 600 + b"\r\n")]
    block = number_rows(ParsedBlock(pl.DataFrame({"a": ["x", "y"]}), [0, 2], malformed), rows_before=10)
    assert block.rows.to_list() == [11, 13]
    assert block.malformed.rows() == [(12, "2 fields", "fields", "b\ufffd" + "c" * 498)]
    assert block.row_count == 3
