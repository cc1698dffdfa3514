"""Every file of every table is found, and a change of any of them changes the digest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.reading.files import TableError
from interestflow.transforms.reading.input_files import InputFile, find_input_files, input_digest

NOON = 1_700_000_000


def write(folder: Path, name: str, text: str = "u,i,t,click\n") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    os.utime(folder / name, (NOON, NOON))


def config(folder: Path, path: str = "events-*.csv") -> IngestionConfig:
    return IngestionConfig.model_validate(
        {
            "data": {
                "folder": str(folder),
                "events": {"path": path, "format": "csv", "user": "u", "item": "i", "timestamp": "t"},
                "items": {"path": "items.csv", "format": "csv", "id": "i"},
            },
            "tasks": [{"name": "click", "label": {"column": "click"}}],
        }
    )


def test_files_are_found_by_table_with_size_and_time(tmp_path: Path) -> None:
    for name, text in (("events-2.csv", "ab"), ("events-1.csv", "abc"), ("items.csv", "a"), ("other.csv", "abcd")):
        write(tmp_path, name, text)
    assert find_input_files(config(tmp_path)) == [
        InputFile("events", f"{tmp_path}/events-1.csv", 3, NOON),
        InputFile("events", f"{tmp_path}/events-2.csv", 2, NOON),
        InputFile("items", f"{tmp_path}/items.csv", 1, NOON),
    ]


def test_only_the_files_of_a_span_are_found(tmp_path: Path) -> None:
    for name in ("2026-11-29/events.csv", "2026-11-30/events.csv", "items.csv"):
        write(tmp_path, name)
    spans = config(tmp_path, "{span}/events.csv")
    one = find_input_files(spans.with_span("2026-11-30"))
    assert [file.path for file in one] == [f"{tmp_path}/2026-11-30/events.csv", f"{tmp_path}/items.csv"]
    assert len(find_input_files(spans.with_span())) == 3
    with pytest.raises(TableError, match=r"no file matches .*/2026-12-01/events\.csv"):
        find_input_files(spans.with_span("2026-12-01"))


def test_another_file_another_size_or_another_time_changes_the_digest(tmp_path: Path) -> None:
    for name in ("events-1.csv", "items.csv"):
        write(tmp_path, name)

    def digest() -> str:
        return input_digest(find_input_files(config(tmp_path)))

    digests = [digest()]
    assert digest() == digests[0]
    write(tmp_path, "events-2.csv")
    digests.append(digest())
    write(tmp_path, "events-2.csv", "u,i,t,click\n1,2,3,0\n")
    digests.append(digest())
    os.utime(tmp_path / "events-2.csv", (NOON + 1, NOON + 1))
    digests.append(digest())
    assert len(set(digests)) == 4
