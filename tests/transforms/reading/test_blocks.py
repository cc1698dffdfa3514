"""Files in, blocks of rows out: every format, compressed or not, in blocks of any size."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interestflow.transforms.config import TableConfig
from interestflow.transforms.reading.blocks import column_names, read_blocks
from interestflow.transforms.reading.files import TableError

ROWS = [
    {"user": "7", "title": "plain", "stars": "4"},
    {"user": "8", "title": 'a "quoted", title', "stars": None},
    {"user": "9", "title": None, "stars": "2.5"},
    {"user": "10", "title": "über 日本", "stars": "1"},
]


def table(format: str, **options: Any) -> TableConfig:
    return TableConfig.model_validate({"path": "unused", "format": format} | options)


def read(path: Path, config: TableConfig, columns: list[str] | None = None, **options: Any) -> tuple[Any, Any]:
    """All rows with their numbers, and all that is malformed."""
    blocks = list(read_blocks(str(path), config, columns, **options))
    rows = [(number, *row) for block in blocks for number, row in zip(block.rows, block.frame.rows(), strict=True)]
    malformed = [row for block in blocks for row in block.malformed.select("row", "reason", "content").rows()]
    return rows, malformed


def content(format: str, tmp_path: Path) -> bytes:
    frame = pl.DataFrame(ROWS)
    if format == "csv":
        return frame.write_csv(quote_style="necessary").encode()
    if format == "tsv":  # no quotes there: what looks like one stands for itself
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
    expected = [(number, *row.values()) for number, row in enumerate(ROWS, start=1)]
    for block_bytes in (1, 40, 1 << 20):
        assert read(path, table(format), block_bytes=block_bytes) == (expected, [])
    assert column_names(str(path), table(format)) == ["user", "title", "stars"]
    assert read(path, table(format), ["stars", "user"])[0][0] == (1, "4", "7")


@pytest.mark.parametrize("format", ["csv", "parquet", "jsonl"])
@pytest.mark.parametrize(("compression", "compress"), [(".gz", gzip.compress), (".zst", zstandard.compress)])
def test_a_file_that_was_cut_off_is_an_error(tmp_path: Path, format: str, compression: str, compress: Any) -> None:
    path = tmp_path / f"rows.{format}{compression}"
    path.write_bytes(compress(content(format, tmp_path))[:-10])
    with pytest.raises(TableError, match="cannot be read: Truncated"):
        read(path, table(format))


def test_archives_joined_one_to_the_other_are_read_to_the_end(tmp_path: Path) -> None:
    for compression, compress in ((".gz", gzip.compress), (".zst", zstandard.compress)):
        path = tmp_path / f"rows.csv{compression}"
        path.write_bytes(compress(b"a\n1\n") + compress(b"2\n"))
        assert read(path, table("csv")) == ([(1, "1"), (2, "2")], [])


def test_a_file_that_is_not_of_its_format_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"user,item\n1,2\n")
    with pytest.raises(TableError, match="cannot be read as parquet"):
        read(path, table("parquet"))
    with pytest.raises(TableError, match="No such file"):
        read(tmp_path / "nothing", table("csv"))
    (tmp_path / "rows.gz").write_bytes(path.read_bytes())
    with pytest.raises(TableError, match=r"rows\.gz cannot be read"):
        read(tmp_path / "rows.gz", table("csv"))


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    for format in ("csv", "jsonl"):
        for text in ("", "\n\n"):
            (tmp_path / "empty").write_text(text)
            assert read(tmp_path / "empty", table(format)) == ([], [])
    (tmp_path / "empty").write_text("a,b\n")
    assert read(tmp_path / "empty", table("csv"), ["b"]) == ([], [])


@pytest.mark.parametrize("separator", ["::", ";", "|", "\t"])
def test_any_separator(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "users.dat"
    path.write_text(separator.join(["1", 'say "hi"' if separator == "::" else "hi", "x"]) + "\n")
    config = table("csv", separator=separator, column_names=["id", "word", "code"])
    assert read(path, config, ["code", "word"]) == ([(1, "x", 'say "hi"' if separator == "::" else "hi")], [])


def test_names_come_from_the_header_or_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'\xef\xbb\xbf"a","b\nc",\r\n1,2,3\r\n')
    assert column_names(str(path), table("csv")) == ["a", "b\nc", "column_3"]
    assert read(path, table("csv"), ["column_3", "a"]) == ([(1, "3", "1")], [])
    with pytest.raises(TableError, match="should have a column `d`, received a, b\nc, column_3"):
        read(path, table("csv"), ["d"])


def test_a_name_that_two_columns_have_is_an_error_where_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b,a\n1,2,3\n")
    assert read(path, table("csv"), ["b"]) == ([(1, "2")], [])
    with pytest.raises(TableError, match="one column `a`, received 2"):
        read(path, table("csv"), ["a"])


MALFORMED_CSV = [
    ("1,2", "2 fields in a line, not 3"),
    ("1", "1 field in a line, not 3"),
    ("1,2,3,4", "4 fields in a line, not 3"),
    ('1,"2,3', "not a line of CSV: unexpected end of data"),
    ('1,"2"x,3', "not a line of CSV: ',' expected after '\"'"),
]


@pytest.mark.parametrize(("line", "reason"), MALFORMED_CSV)
def test_a_line_that_is_malformed_costs_itself_alone(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f'a,b,c\n1,"x\ny",3\n{line}\n\n4,"5,",""\n')
    for block_bytes in (1, 15, 1 << 20):
        rows, malformed = read(path, table("csv"), block_bytes=block_bytes)
        assert malformed == [(2, reason, line)]
        assert rows == [(1, "1", "x\ny", "3"), (3, "4", "5,", None)]


def test_a_malformed_line_of_a_table_with_a_long_separator_is_shown_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_text("1::2::3\n4::5\n")
    config = table("csv", separator="::", column_names=["a", "b", "c"])
    assert read(path, config) == ([(1, "1", "2", "3")], [(2, "2 fields in a line, not 3", "4::5")])


def test_a_quote_inside_a_field_stands_for_itself(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('a,b\n1,12" vinyl\n2,7" single\n3,x\n')
    assert read(path, table("csv"))[0] == [(1, "1", '12" vinyl'), (2, "2", '7" single'), (3, "3", "x")]


def test_bytes_that_are_not_utf8_become_the_replacement_character(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,b\n1,caf\xe9\n")
    assert read(path, table("csv")) == ([(1, "1", "caf\ufffd")], [])


MALFORMED_JSON = [
    (b'{"a": 1', "Expecting ',' delimiter at character 8"),
    (b"5", "it is a int"),
    (b'[{"a": 1}]', "it is a list"),
    (b'{"a": NaN}', "NaN is not JSON"),
    (b'{"a": "\xff"}', "not UTF-8"),
    (b'{"a": 1} {"a": 2}', "Extra data at character 10"),
]


@pytest.mark.parametrize(("line", "reason"), MALFORMED_JSON)
def test_a_line_that_is_no_json_object_costs_itself_alone(tmp_path: Path, line: bytes, reason: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n\n' + line + b'\n{"a": 2}')
    for block_bytes in (1, 1 << 20):
        rows, malformed = read(path, table("jsonl"), ["a"], block_bytes=block_bytes)
        assert rows == [(1, "1"), (3, "2")]
        assert malformed == [(2, f"not a JSON object: {reason}", line.decode(errors="replace"))]


def test_json_values_are_text_in_one_form(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    values = ["4", "4.0", "4.5", "-1", "true", '"x"', '"4"', "null", '["a", 1]', '{"k": 2}', "12345678901234567890"]
    path.write_text("\n".join(f'{{"a": {value}}}' for value in values) + '\n{"b": 1}\n')
    rows, malformed = read(path, table("jsonl"), ["a"])
    assert malformed == []
    assert [value for _, value in rows] == [
        "4", "4", "4.5", "-1", "true", "x", "4", None, '["a", 1]', '{"k": 2}', "12345678901234567890", None,
    ]  # fmt: skip


def test_a_rare_key_is_a_column_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n' * 2000 + '{"a": 1, "rare": 2}\n')
    assert read(path, table("jsonl"), ["rare"])[0][-1] == (2001, "2")
    with pytest.raises(TableError, match="should have a column `rarer`, received"):
        read(path, table("jsonl"), ["rarer"])


def test_text_that_is_only_bytes_in_parquet_is_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"a": [b"x"]}).write_parquet(path)
    assert read(path, table("parquet")) == ([(1, "x")], [])
    pl.DataFrame({"a": [b"\xff"]}).write_parquet(path)
    with pytest.raises(TableError, match="cannot be read as parquet: invalid utf8"):
        read(path, table("parquet"))


def test_a_file_without_line_ends_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a" * (1 << 27))
    with pytest.raises(TableError, match="should be lines of text"):
        read(path, table("csv"))


FIELDS = st.text(st.sampled_from(list('ab1,"\n é')), max_size=5)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=20), block_bytes=st.integers(1, 60))
def test_the_size_of_blocks_changes_nothing(tmp_path: Path, rows: list[tuple[str, str]], block_bytes: int) -> None:
    """Any rows that a CSV writer writes come back as they were, an empty field as null."""
    path = tmp_path / "rows.csv"
    pl.DataFrame([("x", *row) for row in rows], schema=["id", "a", "b"], orient="row").write_csv(
        path, quote_style="non_numeric"
    )
    expected = [(number, "x", a or None, b or None) for number, (a, b) in enumerate(rows, start=1)]
    assert read(path, table("csv"), block_bytes=block_bytes) == (expected, [])
    assert read(path, table("csv")) == (expected, [])


LINES = st.lists(st.text(st.sampled_from(list('a1,,"')), max_size=6), min_size=1, max_size=12)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES)
def test_no_line_is_lost_whatever_it_holds(tmp_path: Path, lines: list[str]) -> None:
    """Without quotes, lines that are not empty are rows or malformed, each in its place."""
    lines = [line.replace('"', "") for line in lines]
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n" + "\n".join(lines) + "\n")
    rows, malformed = read(path, table("csv"))
    expected = [line for line in lines if line]
    found = {number: ",".join(field or "" for field in fields) for number, *fields in rows}
    found |= {number: text for number, _, text in malformed}
    assert [found[number] for number in sorted(found)] == expected
    assert sorted(found) == list(range(1, len(expected) + 1))
    assert all(text.count(",") != 1 for _, _, text in malformed)


def test_malformed_lines_far_apart_in_a_large_block(tmp_path: Path) -> None:
    lines = [f'{number},"{number * 7}"' for number in range(1, 60_001)]
    for place in (1, 30_000, 30_001, 60_000):
        lines[place - 1] = "1,2,3"
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n" + "\n".join(lines))
    rows, malformed = read(path, table("csv"))
    assert [number for number, *_ in malformed] == [1, 30_000, 30_001, 60_000]
    assert len(rows) == 59_996
    assert all((str(number), str(number * 7)) == (a, b) for number, a, b in rows)
