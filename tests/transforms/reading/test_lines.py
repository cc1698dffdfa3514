"""Bytes of a file are split into chunks of whole lines."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interestflow.transforms.reading.files import TableError
from interestflow.transforms.reading.lines import has_quotes, whole_lines
from tests.transforms.reading.file_rows import read_rows, table_config


def test_a_file_without_line_ends_is_rejected_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a" * (1 << 27))
    with pytest.raises(TableError, match="should be lines of text"):
        read_rows(path, table_config("csv"))


def chunks(content: bytes, size: int, quoted: bool = False) -> list[bytes]:
    """Return the chunks of a file with this content."""
    return list(whole_lines(io.BytesIO(content), "rows.csv", size, quoted))


def test_chunks_end_where_a_line_ends() -> None:
    assert chunks(b"ab\ncd\nef\n", 4) == [b"ab\n", b"cd\n", b"ef\n"]
    assert chunks(b"ab\ncd\nef", 100) == [b"ab\ncd\n", b"ef"]


def test_empty_lines_at_the_end_are_not_a_chunk() -> None:
    assert chunks(b"ab\n\r", 3) == [b"ab\n"]


def test_a_line_end_inside_quotes_ends_no_chunk() -> None:
    assert chunks(b'a,"b\nc"\nd\n', 5) == [b'a,"b\n', b'c"\nd\n']
    assert chunks(b'a,"b\nc"\nd\n', 5, quoted=True) == [b'a,"b\nc"\nd\n']


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"format": "csv"}, True),
        ({"format": "csv", "separator": ";"}, True),
        ({"format": "csv", "separator": "::"}, False),
        ({"format": "tsv"}, False),
        ({"format": "jsonl"}, False),
    ],
)
def test_only_csv_with_a_separator_of_one_character_has_quotes(options: dict[str, str], expected: bool) -> None:
    assert has_quotes(table_config(**options)) is expected


@given(st.text(st.sampled_from(list('ab"\n')), max_size=40), st.integers(1, 9), st.booleans())
def test_no_byte_is_lost(text: str, size: int, quoted: bool) -> None:
    """All chunks together are the file, but for empty lines at its end."""
    content = text.encode()
    assert b"".join(chunks(content, size, quoted)).rstrip(b"\n") == content.rstrip(b"\n")
