"""A document is read back as it was written, and nothing else is read."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import ValidationError

from interestflow.pipeline.artifacts.json_artifact import JsonArtifact


class Weather(JsonArtifact):
    FILE: ClassVar[str] = "weather.json"

    degrees: float
    words: tuple[str, ...] = ()


def test_a_document_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    weather = Weather(degrees=20.5, words=("sunny", "dry"))
    weather.write(str(tmp_path))
    assert (tmp_path / "weather.json").read_text().endswith("}\n")
    assert Weather.read(str(tmp_path)) == weather


def test_unknown_keys_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "weather.json").write_text('{"degrees": 1.0, "wind": 2}')
    with pytest.raises(ValidationError, match="wind"):
        Weather.read(str(tmp_path))


def test_a_document_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Weather(degrees=1.0).degrees = 2.0  # type: ignore[misc]
