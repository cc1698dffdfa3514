"""Pieces of a text file hold each line once, wherever the file is cut."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interestflow.transforms.reading import byte_ranges
from interestflow.transforms.reading.blocks import read_blocks, read_piece
from interestflow.transforms.reading.byte_ranges import open_range
from interestflow.transforms.reading.pieces import FilePiece
from tests.transforms.reading.file_rows import table_config


def ranges(content: bytes, step: int, quoted: bool = False) -> list[bytes]:
    """Return the bytes of each piece of a file."""
    pieces = [FilePiece(0, "rows.csv", start, step) for start in range(0, len(content), step)]
    streams = [open_range(io.BytesIO(content), piece, quoted) for piece in pieces]
    return [b"" if stream is None else stream.read(1 << 20) for stream in streams]


def test_a_line_belongs_to_the_piece_in_which_it_begins() -> None:
    assert ranges(b"ab\ncd\nef\n", 3) == [b"ab\n", b"cd\n", b"ef\n"]
    assert ranges(b"ab\ncd\nef\n", 4) == [b"ab\ncd\n", b"ef\n", b""]
    assert ranges(b"abcdefgh\ni", 2) == [b"abcdefgh\n", b"", b"", b"", b"i"]
    assert ranges(b"no end", 2) == [b"no end", b"", b""]


def test_no_piece_begins_behind_a_quote() -> None:
    """The quoted field holds the line ends at which pieces of four bytes would begin."""
    content = b'a,"b\nc\nd"\ne,f\ng,h\n'
    assert ranges(content, 4, quoted=True) == [content, b"", b"", b"", b""]
    assert ranges(content, 4)[0] == b'a,"b\n'


def test_far_behind_a_quote_pieces_begin_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quote that is more than a record away from the boundary does not matter."""
    monkeypatch.setattr(byte_ranges, "MAX_RECORD_BYTES", 8)
    assert ranges(b'"a\nb"\n' + b"c\n" * 8, 8, quoted=True) == [b'"a\nb"\n' + b"c\n" * 5, b"", b"c\n" * 3]


@given(st.text(alphabet='a"\n', max_size=60), st.integers(1, 70), st.booleans())
def test_all_pieces_together_are_the_file(text: str, step: int, quoted: bool) -> None:
    content = text.encode()
    assert b"".join(ranges(content, step, quoted)) == content


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_rows_of_pieces_are_those_of_the_file_and_ascend(tmp_path: Path, form: str) -> None:
    """A header, a malformed line and an empty one; the columns of later pieces are those of the header."""
    path = tmp_path / f"rows.{form}"
    lines = [f"x{n},{n}" if form == "csv" else f'{{"a": "x{n}", "b": {n}}}' for n in range(300)]
    lines[100], lines[200] = "oops", ""
    path.write_text("\n".join(["a,b", *lines] if form == "csv" else lines))
    whole = list(read_blocks(str(path), table_config(form), ["b"]))
    pieces = [FilePiece(0, str(path), start, 400) for start in range(0, path.stat().st_size, 400)]
    blocks = [list(read_piece(piece, table_config(form), ["b"])) for piece in pieces]
    frames = [block.frame for piece in blocks for block in piece]
    assert len(frames) > 5
    assert pl.concat(frames).equals(pl.concat([block.frame for block in whole]))
    malformed = pl.concat([block.malformed for piece in blocks for block in piece])
    assert malformed.get_column("content").to_list() == ["oops"]
    rows = pl.concat([block.rows for piece in blocks for block in piece]).to_list()
    assert rows == sorted(set(rows))
    assert [block.rows[0] for block in blocks[3]] == [pieces[3].start + 1]
