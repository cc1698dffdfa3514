"""Descriptions of a model's inputs, read from its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from interestflow.serving.description import Description
from interestflow.serving.provenance import PROVENANCE
from interestflow.serving.server.input_info import InputInfo, read_input_info

RAW_INPUTS = [
    {"name": "item", "kind": "value"},
    {"name": "tags", "kind": "list"},
    {"name": "history_item", "kind": "history"},
]


def write(folder: Path, content: Any) -> str:
    path = folder / PROVENANCE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(folder)


def test_a_described_model(tmp_path: Path) -> None:
    description = Description({"history_item": 50, "colours": 3}, always_given=("hour", "device"))
    folder = write(tmp_path, {"raw_inputs": RAW_INPUTS, "description": description.as_json()})
    assert read_input_info(folder) == InputInfo(frozenset({"tags", "history_item", "colours"}), ("hour", "device"))


def test_an_older_export_tells_its_lists(tmp_path: Path) -> None:
    assert read_input_info(write(tmp_path, {"raw_inputs": RAW_INPUTS})) == InputInfo(
        frozenset({"tags", "history_item"})
    )


def test_another_model_says_nothing(tmp_path: Path) -> None:
    assert read_input_info(str(tmp_path)) == InputInfo(None, ())
    assert read_input_info(write(tmp_path, {"name": "x"})) == InputInfo(None, ())


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"raw_inputs": [1]}', '{"description": {"format": 1}}', '{"description": 3}']
)
def test_a_file_that_cannot_be_read_keeps_no_model_from_answering(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write(tmp_path, content)
    assert read_input_info(folder) == InputInfo()
    assert "cannot be read, so missing features are not counted" in caplog.text
