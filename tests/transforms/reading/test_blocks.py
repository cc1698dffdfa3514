"""Files of every format, compressed or not, are read in blocks of rows of any size."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

from interestflow.transforms.reading.blocks import column_names
from interestflow.transforms.reading.files import TableError
from tests.transforms.reading.file_rows import read_rows, table_config

ROWS = [
    {"user": "7", "title": "plain", "stars": "4"},
    {"user": "8", "title": 'a "quoted", title', "stars": None},
    {"user": "9", "title": None, "stars": "2.5"},
    {"user": "10", "title": "über 日本", "stars": "1"},
]


def content(format: str, tmp_path: Path) -> bytes:
    frame = pl.DataFrame(ROWS)
    if format == "csv":
        return frame.write_csv(quote_style="necessary").encode()
    if format == "tsv":  # this format has no quotes: a quote character stands for itself
        lines = ["user\ttitle\tstars", *("\t".join(value or "" for value in row.values()) for row in ROWS)]
        return "\n".join(lines).encode() + b"\n"
    if format == "jsonl":
        return "\n".join(json.dumps(row) for row in ROWS).encode()
    frame.write_parquet(tmp_path / "frame")
    return (tmp_path / "frame").read_bytes()


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
@pytest.mark.parametrize("format", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_plain_and_compressed(tmp_path: Path, format: str, compression: str) -> None:
    packed = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[compression](content(format, tmp_path))
    path = tmp_path / f"rows.{format}{compression}"
    path.write_bytes(packed)
    expected = [(row_number, *row.values()) for row_number, row in enumerate(ROWS, start=1)]
    for block_bytes in (1, 40, 1 << 20):
        assert read_rows(path, table_config(format), block_bytes=block_bytes) == (expected, [])
    assert column_names(str(path), table_config(format)) == ["user", "title", "stars"]
    assert read_rows(path, table_config(format), ["stars", "user"])[0][0] == (1, "4", "7")


@pytest.mark.parametrize("format", ["csv", "parquet", "jsonl"])
@pytest.mark.parametrize(("compression", "compress"), [(".gz", gzip.compress), (".zst", zstandard.compress)])
def test_a_truncated_file_is_an_error(tmp_path: Path, format: str, compression: str, compress: Any) -> None:
    path = tmp_path / f"rows.{format}{compression}"
    path.write_bytes(compress(content(format, tmp_path))[:-10])
    with pytest.raises(TableError, match="cannot be read: Truncated"):
        read_rows(path, table_config(format))


def test_a_file_of_another_format_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"user,item\n1,2\n")
    with pytest.raises(TableError, match="cannot be read as parquet"):
        read_rows(path, table_config("parquet"))
    with pytest.raises(TableError, match="No such file"):
        read_rows(tmp_path / "nothing", table_config("csv"))
    (tmp_path / "rows.gz").write_bytes(path.read_bytes())
    with pytest.raises(TableError, match=r"rows\.gz cannot be read"):
        read_rows(tmp_path / "rows.gz", table_config("csv"))


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    for format in ("csv", "jsonl"):
        for text in ("", "\n\n"):
            (tmp_path / "empty").write_text(text)
            assert read_rows(tmp_path / "empty", table_config(format)) == ([], [])
    (tmp_path / "empty").write_text("a,b\n")
    assert read_rows(tmp_path / "empty", table_config("csv"), ["b"]) == ([], [])
