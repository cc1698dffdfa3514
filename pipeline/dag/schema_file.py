"""Reads the curated schema that a configuration may name."""

from __future__ import annotations

from pathlib import Path

from interestflow.pipeline.config import ConfigurationError, ExaminationConfig


def curated_schema_text(examination: ExaminationConfig) -> str:
    """Return the content of `examination.schema_file`, protobuf text; "" where none is named.

    Raises:
        ConfigurationError: if the file cannot be read.
    """
    if examination.schema_file is None:
        return ""
    try:
        return Path(examination.schema_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"`examination.schema_file` {examination.schema_file} cannot be read: {reason}"
        ) from None
