"""Records of gzipped TFRecord files, and files that are none."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import tensorflow as tf

from interestflow.transforms.examples import tfrecord_reader
from interestflow.transforms.examples.tfrecord_reader import ExampleFileError, read_records, record_bytes
from interestflow.transforms.examples.tfrecord_writer import ExampleFile, frame_records

RECORDS = [b"first", b"", b"x" * 300, "東京".encode()]


def write(path: Path, records: list[bytes]) -> str:
    with ExampleFile(str(path)) as file:
        file.write(records)
    return str(path)


def test_records_come_in_order_and_in_batches(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", RECORDS)
    assert list(read_records(path, 3)) == [RECORDS[:3], RECORDS[3:]]
    assert list(read_records(path, 4)) == [RECORDS]


def test_an_empty_file_has_no_batches(tmp_path: Path) -> None:
    assert list(read_records(write(tmp_path / "a.gz", []), 3)) == []


def test_records_that_span_blocks_and_members_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tfrecord_reader, "READ_BYTES", 7)
    path = tmp_path / "a.gz"
    framed = frame_records(RECORDS)
    path.write_bytes(gzip.compress(framed[:20]) + gzip.compress(framed[20:]))
    assert list(read_records(str(path), 100)) == [RECORDS]


def test_files_of_tensorflow_are_read_alike(tmp_path: Path) -> None:
    path = str(tmp_path / "a.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as file:
        for record in RECORDS:
            file.write(record)
    assert list(read_records(path, 100)) == [RECORDS]


def test_the_size_of_a_record_is_that_of_its_file_divided_by_their_number(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", RECORDS)
    assert record_bytes(path) == Path(path).stat().st_size / 4
    assert record_bytes(write(tmp_path / "b.gz", [])) is None


def test_damaged_files_are_refused_by_name(tmp_path: Path) -> None:
    content = Path(write(tmp_path / "a.gz", RECORDS)).read_bytes()
    damaged = {
        "damaged data": content[:-6] + b"abcdef",
        "ends early": content[:-9],
        "5 bytes of an unfinished": gzip.compress(frame_records(RECORDS) + b"12345"),
        "received damaged": frame_records(RECORDS),
    }
    for index, (reason, data) in enumerate(damaged.items()):
        path = tmp_path / f"{index}.gz"
        path.write_bytes(data)
        with pytest.raises(ExampleFileError, match=f"{index}.gz should .*{reason}"):
            list(read_records(str(path), 100))
