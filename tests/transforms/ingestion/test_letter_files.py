"""Dead letters of many workers become one table in the order of the log."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from interestflow.transforms.ingestion import letter_files
from interestflow.transforms.ingestion.letter_files import merge_letters, write_letters
from interestflow.transforms.reading.pieces import FilePiece


def letters(*rows: tuple[str, int]) -> pl.DataFrame:
    """Return dead letters of these files and rows."""
    return pl.DataFrame(
        [(file, row, "reason", "kind", f"{file} {row}") for file, row in rows],
        schema=["file", "row", "reason", "kind", "content"],
        orient="row",
    )


def test_rows_of_pieces_get_their_number_in_the_file(tmp_path: Path) -> None:
    """Pieces of 100 bytes with 3, 0 and 2 rows: row 201 is the fourth of the file. File `b` was not cut."""
    chunks = write_letters(letters(("b", 7), ("a", 202), ("a", 1)), str(tmp_path))
    chunks += write_letters(letters(("a", 201), ("a", 3)), str(tmp_path))
    pieces = [(FilePiece(0, "a", start, 100), rows) for start, rows in ((200, 2), (0, 3), (100, 0))]
    merged = pl.concat(list(merge_letters(chunks, pieces)))
    assert merged.select("file", "row", "content").rows() == [
        ("a", 1, "a 1"), ("a", 3, "a 3"), ("a", 4, "a 201"), ("a", 5, "a 202"), ("b", 7, "b 7"),
    ]  # fmt: skip


def test_many_dead_letters_are_merged_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letter_files, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(letter_files, "PART_BYTES", 4000)
    chunks = []
    for worker in range(3):
        chunks += write_letters(letters(*(("a", row) for row in range(worker, 900, 3))), str(tmp_path))
    parts = list(merge_letters(chunks, []))
    assert max(part.height for part in parts) < 300
    assert pl.concat(parts).get_column("row").to_list() == list(range(900))
