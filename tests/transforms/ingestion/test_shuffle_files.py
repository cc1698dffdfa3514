"""Frames are written to shuffle files and read back."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from interestflow.transforms.ingestion.shuffle_files import (
    FrameFile,
    create_file,
    decode_frame,
    encode_frame,
    read_bytes,
    read_frame,
    read_range,
    write_parquet,
)

FIRST = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
SECOND = pl.DataFrame({"a": [3], "b": ["y"]})


def test_frames_of_one_file_are_read_back_from_their_locations(tmp_path: Path) -> None:
    with FrameFile(str(tmp_path / "frames.arrow")) as file:
        locations = [file.write(frame) for frame in (FIRST, SECOND, FIRST.clear())]
    for index, frame in ((1, SECOND), (0, FIRST), (2, FIRST.clear())):
        assert read_frame(locations[index]).equals(frame)
    path, start, length = locations[2]
    assert start + length == len(read_bytes(path))


def test_a_range_of_a_file_is_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    assert read_range(str(path), 3, 4) == b"3456"
    assert read_range(str(path), 3, 0) == b""
    with pytest.raises(OSError, match=r"file should have 12 bytes, received 10"):
        read_range(str(path), 8, 4)


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
