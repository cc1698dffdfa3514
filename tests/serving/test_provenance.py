"""The provenance file beside an exported model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from interestflow.serving.description import Description
from interestflow.serving.provenance import (
    PROVENANCE,
    ScoringError,
    parse_description,
    parse_raw_inputs,
    read_provenance,
    read_provenance_file,
)
from interestflow.serving.raw_inputs import RawInput

CONTENT: dict[str, Any] = json.loads(
    json.dumps(
        {
            "fingerprint": "größe",
            "raw_inputs": [RawInput("item", "string", "value", "", "candidate").as_json()],
            "description": Description(max_rows=7).as_json(),
        }
    )
)


def write(folder: Path, content: str) -> None:
    (folder / PROVENANCE).parent.mkdir(exist_ok=True)
    (folder / PROVENANCE).write_text(content, encoding="utf-8")


def test_a_model_has_its_provenance(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").touch()
    write(tmp_path, json.dumps(CONTENT, ensure_ascii=False))
    assert read_provenance(tmp_path) == read_provenance_file(str(tmp_path)) == CONTENT
    assert parse_raw_inputs(CONTENT) == (RawInput("item", "string", "value", "", "candidate"),)
    assert parse_description(CONTENT) == Description(max_rows=7)


def test_a_folder_without_a_model_or_its_provenance_is_named(tmp_path: Path) -> None:
    says = (
        rf"^{tmp_path} should hold saved_model\.pb and assets\.extra/interestflow\.json, as the pipeline exports them$"
    )
    with pytest.raises(ScoringError, match=says):
        read_provenance(tmp_path)
    assert read_provenance_file(tmp_path) is None
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(ScoringError, match=says):
        read_provenance(tmp_path)
    (tmp_path / "saved_model.pb").unlink()
    write(tmp_path, "{}")
    with pytest.raises(ScoringError, match=says):
        read_provenance(tmp_path)


def test_content_that_is_not_json_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "{")
    with pytest.raises(ValueError, match="Expecting property name"):
        read_provenance_file(tmp_path)


def test_models_from_before_descriptions_have_none() -> None:
    assert parse_description({}) is None
    assert parse_description({"description": {"format": 99}}) is None
