"""A curated schema is read as text; a file that cannot be read is named in the error."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.pipeline.config import ConfigurationError
from interestflow.pipeline.dag.schema_file import curated_schema_text
from interestflow.pipeline.gate_config import DataValidationConfig


def test_the_text_of_the_named_file_is_returned(tmp_path: Path) -> None:
    path = tmp_path / "schema.pbtxt"
    path.write_text('feature { name: "x" }')
    assert curated_schema_text(DataValidationConfig(schema_file=str(path))) == 'feature { name: "x" }'
    assert curated_schema_text(DataValidationConfig()) == ""


def test_a_file_that_cannot_be_read_is_named_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"schema_file` .*nowhere cannot be read: No such file"):
        curated_schema_text(DataValidationConfig(schema_file=str(tmp_path / "nowhere")))
    (tmp_path / "binary").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="binary cannot be read: "):
        curated_schema_text(DataValidationConfig(schema_file=str(tmp_path / "binary")))
