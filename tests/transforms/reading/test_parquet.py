"""Parquet files are read in blocks of rows."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from interestflow.transforms.reading.files import TableError
from interestflow.transforms.reading.parquet import read_parquet
from interestflow.transforms.reading.pieces import FilePiece
from tests.transforms.reading.file_rows import read_rows, table_config


def test_binary_columns_of_parquet_are_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"a": [b"x"]}).write_parquet(path)
    assert read_rows(path, table_config("parquet")) == ([(1, "x")], [])
    pl.DataFrame({"a": [b"\xff"]}).write_parquet(path)
    with pytest.raises(TableError, match="cannot be read as parquet: invalid utf8"):
        read_rows(path, table_config("parquet"))


def test_blocks_have_about_as_many_bytes_as_wanted_and_go_on_counting_rows(tmp_path: Path) -> None:
    """Of ten rows of 64 bytes, blocks of 200 bytes have three rows each, and the last one has one."""
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"a": range(10), "b": range(10, 20)}).write_parquet(path)
    blocks = list(read_parquet(FilePiece(0, str(path)), ["b"], 200))
    assert [block.frame.get_column("b").to_list() for block in blocks] == [
        [10, 11, 12],
        [13, 14, 15],
        [16, 17, 18],
        [19],
    ]
    assert [block.rows.to_list() for block in blocks] == [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10]]
    assert all(block.malformed.is_empty() for block in blocks)


def test_a_missing_column_is_named_with_those_most_like_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"click": [1], "device": [2]}).write_parquet(path)
    with pytest.raises(TableError, match=r"should have a column `clicks`, received click$"):
        list(read_parquet(FilePiece(0, str(path)), ["clicks"], 200))


def test_pieces_share_the_row_groups_and_know_the_rows_before(tmp_path: Path) -> None:
    """Ten groups of 100 rows: every cut of the bytes gives each row once, in order, with its own number."""
    path = tmp_path / "rows.parquet"
    frame = pl.DataFrame({"a": range(1000), "b": [f"text {index}" for index in range(1000)]})
    frame.write_parquet(path, row_group_size=100)
    size = path.stat().st_size
    for step in (100, size // 3, size // 2, size - 1):
        pieces = [FilePiece(0, str(path), start, step) for start in range(0, size, step)]
        blocks = [block for piece in pieces for block in read_parquet(piece, ["b"], 1 << 20)]
        assert pl.concat([block.frame for block in blocks]).equals(frame.select("b"))
        assert pl.concat([block.rows for block in blocks]).to_list() == list(range(1, 1001))
        assert len(blocks) > 1 or step == size - 1
