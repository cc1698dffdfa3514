"""Frames are written to shuffle files and read back."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from interestflow.transforms.ingestion.shuffle_files import (
    create_file,
    decode_frame,
    encode_frame,
    read_bytes,
    read_frame,
    write_frames,
    write_parquet,
)

FIRST = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
SECOND = pl.DataFrame({"a": [3], "b": ["y"]})


def test_frames_of_one_file_are_read_back_from_their_locations(tmp_path: Path) -> None:
    locations = write_frames(str(tmp_path / "frames.arrow"), {7: FIRST, 8: SECOND, 9: FIRST.clear()})
    assert list(locations) == [7, 8, 9]
    for key, frame in ((8, SECOND), (7, FIRST), (9, FIRST.clear())):
        assert read_frame(locations[key]).equals(frame)
    path, start, length = locations[9]
    assert start + length == len(read_bytes(path))


def test_some_columns_of_an_encoded_frame_are_enough() -> None:
    content = encode_frame(FIRST)
    assert decode_frame(content).equals(FIRST)
    assert decode_frame(content, ["b"]).equals(FIRST.select("b"))


def test_a_parquet_file_is_read_by_others(tmp_path: Path) -> None:
    write_parquet(str(tmp_path / "frame.parquet"), FIRST)
    assert pl.read_parquet(tmp_path / "frame.parquet").equals(FIRST)


def test_a_file_is_not_compressed_whatever_its_name(tmp_path: Path) -> None:
    with create_file(str(tmp_path / "file.gz")) as file:
        file.write(b"content")
    assert read_bytes(str(tmp_path / "file.gz")) == (tmp_path / "file.gz").read_bytes() == b"content"
