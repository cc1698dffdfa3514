"""Lines of CSV and similar formats are read as rows or malformed lines."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interestflow.transforms.reading.blocks import column_names
from interestflow.transforms.reading.files import TableError
from tests.transforms.reading.file_rows import read_rows, table_config


@pytest.mark.parametrize("separator", ["::", ";", "|", "\t"])
def test_any_separator(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "users.dat"
    path.write_text(separator.join(["1", 'say "hi"' if separator == "::" else "hi", "x"]) + "\n")
    config = table_config("csv", separator=separator, column_names=["id", "word", "code"])
    assert read_rows(path, config, ["code", "word"]) == ([(1, "x", 'say "hi"' if separator == "::" else "hi")], [])


def test_names_come_from_the_header_or_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'\xef\xbb\xbf"a","b\nc",\r\n1,2,3\r\n')
    assert column_names(str(path), table_config("csv")) == ["a", "b\nc", "column_3"]
    assert read_rows(path, table_config("csv"), ["column_3", "a"]) == ([(1, "3", "1")], [])
    with pytest.raises(TableError, match="should have a column `d`, received a, b\nc, column_3"):
        read_rows(path, table_config("csv"), ["d"])


def test_a_name_that_two_columns_have_is_an_error_where_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b,a\n1,2,3\n")
    assert read_rows(path, table_config("csv"), ["b"]) == ([(1, "2")], [])
    with pytest.raises(TableError, match="one column `a`, received 2"):
        read_rows(path, table_config("csv"), ["a"])


MALFORMED_CSV = [
    ("1,2", "2 fields in a line, not 3"),
    ("1", "1 field in a line, not 3"),
    ("1,2,3,4", "4 fields in a line, not 3"),
    ('1,"2,3', "not a line of CSV: unexpected end of data"),
    ('1,"2"x,3', "not a line of CSV: ',' expected after '\"'"),
]


@pytest.mark.parametrize(("line", "reason"), MALFORMED_CSV)
def test_only_the_malformed_line_is_lost(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f'a,b,c\n1,"x\ny",3\n{line}\n\n4,"5,",""\n')
    for block_bytes in (1, 15, 1 << 20):
        rows, malformed = read_rows(path, table_config("csv"), block_bytes=block_bytes)
        assert malformed == [(2, reason, line)]
        assert rows == [(1, "1", "x\ny", "3"), (3, "4", "5,", None)]


def test_a_malformed_line_is_shown_with_the_separator_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_text("1::2::3\n4::5\n")
    config = table_config("csv", separator="::", column_names=["a", "b", "c"])
    assert read_rows(path, config) == ([(1, "1", "2", "3")], [(2, "2 fields in a line, not 3", "4::5")])


def test_a_quote_inside_a_field_stands_for_itself(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('a,b\n1,12" vinyl\n2,7" single\n3,x\n')
    assert read_rows(path, table_config("csv"))[0] == [(1, "1", '12" vinyl'), (2, "2", '7" single'), (3, "3", "x")]


def test_bytes_that_are_not_utf8_become_the_replacement_character(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,b\n1,caf\xe9\n")
    assert read_rows(path, table_config("csv")) == ([(1, "1", "caf\ufffd")], [])


FIELDS = st.text(st.sampled_from(list('ab1,"\n é')), max_size=5)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=20), block_bytes=st.integers(1, 60))
def test_the_size_of_blocks_changes_nothing(tmp_path: Path, rows: list[tuple[str, str]], block_bytes: int) -> None:
    """Any rows that a CSV writer writes come back as they were, an empty field as null."""
    path = tmp_path / "rows.csv"
    pl.DataFrame([("x", *row) for row in rows], schema=["id", "a", "b"], orient="row").write_csv(
        path, quote_style="non_numeric"
    )
    expected = [(row_number, "x", a or None, b or None) for row_number, (a, b) in enumerate(rows, start=1)]
    assert read_rows(path, table_config("csv"), block_bytes=block_bytes) == (expected, [])
    assert read_rows(path, table_config("csv")) == (expected, [])


LINES = st.lists(st.text(st.sampled_from(list('a1,,"')), max_size=6), min_size=1, max_size=12)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES)
def test_no_line_is_lost_whatever_it_holds(tmp_path: Path, lines: list[str]) -> None:
    """Without quotes, lines that are not empty are rows or malformed, each in its place."""
    lines = [line.replace('"', "") for line in lines]
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n" + "\n".join(lines) + "\n")
    rows, malformed = read_rows(path, table_config("csv"))
    expected = [line for line in lines if line]
    contents = {row_number: ",".join(field or "" for field in fields) for row_number, *fields in rows}
    contents |= {row_number: text for row_number, _, text in malformed}
    assert [contents[row_number] for row_number in sorted(contents)] == expected
    assert sorted(contents) == list(range(1, len(expected) + 1))
    assert all(text.count(",") != 1 for _, _, text in malformed)


def test_malformed_lines_far_apart_in_a_large_block(tmp_path: Path) -> None:
    lines = [f'{row_number},"{row_number * 7}"' for row_number in range(1, 60_001)]
    for row in (1, 30_000, 30_001, 60_000):
        lines[row - 1] = "1,2,3"
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n" + "\n".join(lines))
    rows, malformed = read_rows(path, table_config("csv"))
    assert [row_number for row_number, *_ in malformed] == [1, 30_000, 30_001, 60_000]
    assert len(rows) == 59_996
    assert all((str(row_number), str(row_number * 7)) == (a, b) for row_number, a, b in rows)
