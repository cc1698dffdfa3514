"""Files of a table: how they are listed, and their content."""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any

import pytest
import zstandard

from interestflow.transforms.config import TableConfig
from interestflow.transforms.reading.files import TableError, list_files, missing_column, open_file, total_bytes
from tests.object_stores import ObjectStore, free_port
from tests.transforms.reading.file_rows import read_rows, table_config
from tests.transforms.reading.small_tables import write_file


def test_files_are_found_by_pattern_and_sorted(tmp_path: Path) -> None:
    for name in ("events-2.csv", "events-1.csv", "other.csv"):
        write_file(tmp_path, "a\n1\n", name)
    table = TableConfig(path="events-*.csv", format="csv")
    assert list_files(table, str(tmp_path)) == [str(tmp_path / "events-1.csv"), str(tmp_path / "events-2.csv")]
    absolute = TableConfig(path=str(tmp_path / "other.csv"), format="csv")
    assert list_files(absolute, "/elsewhere") == [str(tmp_path / "other.csv")]


def test_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"no file matches .*nothing\.csv"):
        list_files(TableConfig(path="nothing.csv", format="csv"), str(tmp_path))


def test_concatenated_archives_are_read_to_the_end(tmp_path: Path) -> None:
    for compression, compress in ((".gz", gzip.compress), (".zst", zstandard.compress)):
        path = tmp_path / f"rows.csv{compression}"
        path.write_bytes(compress(b"a\n1\n") + compress(b"2\n"))
        assert read_rows(path, table_config("csv")) == ([(1, "1"), (2, "2")], [])


def test_the_size_is_that_of_all_files_as_they_are_stored(tmp_path: Path) -> None:
    paths = [str(write_file(tmp_path, text, name)) for text, name in (("12345", "a"), ("123", "b"))]
    assert total_bytes(paths) == 8
    assert total_bytes([]) == 0


@pytest.mark.parametrize("seekable", [False, True])
@pytest.mark.parametrize(("ending", "compress"), [("", bytes), (".gz", gzip.compress), (".zst", zstandard.compress)])
def test_content_is_decompressed_by_the_ending_of_the_name(
    tmp_path: Path, ending: str, compress: Any, seekable: bool
) -> None:
    path = tmp_path / f"file{ending}"
    path.write_bytes(compress(b"content"))
    with open_file(str(path), seekable) as file:
        assert file.read() == b"content"


def test_a_missing_column_is_shown_with_those_most_like_it_or_else_with_all() -> None:
    assert str(missing_column("f.csv", "clicks", ["click", "device"])) == (
        "f.csv should have a column `clicks`, received click"
    )
    assert str(missing_column("f.csv", "x", ["click", "device"])) == (
        "f.csv should have a column `x`, received click, device"
    )


def test_files_of_an_object_store_are_listed_and_read(s3: ObjectStore) -> None:
    s3.write({"logs/": b"", "logs/a.csv": b"1", "logs/b.csv.gz": gzip.compress(b"content"), "logs_2/c.csv": b""})
    files = [f"{s3.url}/logs/a.csv", f"{s3.url}/logs/b.csv.gz"]
    assert list_files(TableConfig(path="*", format="csv"), f"{s3.url}/logs/") == files
    assert list_files(TableConfig(path="a.csv", format="csv"), f"{s3.url}/logs") == files[:1]
    assert total_bytes(files[:1]) == 1
    with open_file(files[1], seekable=True) as file:
        assert file.read() == b"content"


def test_a_store_that_does_not_answer_is_reported_soon(s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beam itself would try for ten minutes."""
    with pytest.raises(TableError, match=r"^s3://missing/logs/\*\.csv cannot be listed: .*there is no bucket missing"):
        list_files(TableConfig(path="*.csv", format="csv"), "s3://missing/logs")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    began = time.monotonic()
    with pytest.raises(TableError, match=r"cannot be listed: .* does not answer"):
        list_files(TableConfig(path="*.csv", format="csv"), f"{s3.url}/logs")
    assert time.monotonic() - began < 22.0
