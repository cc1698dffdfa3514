"""Reads the curated schema that a configuration may name."""

from __future__ import annotations

from pathlib import Path

from interestflow.pipeline.config import ConfigurationError
from interestflow.pipeline.gate_config import DataValidationConfig


def curated_schema_text(data_validation: DataValidationConfig) -> str:
    """Return the content of `data_validation.schema_file`, protobuf text; "" where none is named.

    Raises:
        ConfigurationError: if the file cannot be read.
    """
    if data_validation.schema_file is None:
        return ""
    try:
        return Path(data_validation.schema_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"`data_validation.schema_file` {data_validation.schema_file} cannot be read: {reason}"
        ) from None
