"""The step writes the files that a run reads, and returns the digest that the other steps depend on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from interestflow.pipeline.artifacts import types as artifacts
from interestflow.pipeline.components.input_finder import INPUT_FILES, InputFinder
from interestflow.transforms.reading.files import TableError
from interestflow.transforms.reading.input_files import find_input_files, input_digest
from tests.pipeline.components.conftest import write_log
from tests.pipeline.components.step_execution import execute, make_artifact, make_value


def find(folder: Path, config: str, span: str = "") -> str:
    outputs = {"inputs": make_artifact(folder / "inputs", artifacts.InputFilesArtifact)}
    fingerprint = make_value(folder / "fingerprint")
    execute(
        InputFinder, {}, {**outputs, "fingerprint": fingerprint}, config=config, span=span,
        scheduled_time="2026-11-30T12:00:00Z", state="",
    )  # fmt: skip
    return str(fingerprint.read())


def test_the_files_are_written_with_the_time_of_the_run(tmp_path: Path) -> None:
    config = write_log(tmp_path / "log", seed=1)
    (file,) = find_input_files(config)
    assert find(tmp_path, config.model_dump_json()) == input_digest([file])
    document = json.loads((tmp_path / "inputs" / INPUT_FILES).read_text())
    assert document == {
        "span": "*",
        "scheduled_time": "2026-11-30T12:00:00Z",
        "files": [{"table": "events", "path": file.path, "bytes": file.bytes, "modified": file.modified}],
    }


def test_a_span_without_files_stops_the_run_with_the_pattern(tmp_path: Path) -> None:
    text = write_log(tmp_path / "log", seed=1).model_dump_json().replace("events.csv", "{span}.csv")
    assert find(tmp_path, text, span="events") == find(tmp_path, text)
    with pytest.raises(TableError, match=r"no file matches .*/log/today\.csv"):
        find(tmp_path, text, span="today")
