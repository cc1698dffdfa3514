"""Rows of one file, as the readers return them, for the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from interestflow.transforms.config import TableConfig
from interestflow.transforms.reading.blocks import read_blocks


def table_config(format: str, **options: Any) -> TableConfig:
    """Return the configuration of a table in this format."""
    return TableConfig.model_validate({"path": "unused", "format": format} | options)


def read_rows(path: Path, config: TableConfig, columns: list[str] | None = None, **options: Any) -> tuple[Any, Any]:
    """Return all rows with their numbers, and all malformed rows."""
    blocks = list(read_blocks(str(path), config, columns, **options))
    rows = [
        (row_number, *row) for block in blocks for row_number, row in zip(block.rows, block.frame.rows(), strict=True)
    ]
    malformed = [row for block in blocks for row in block.malformed.select("row", "reason", "content").rows()]
    return rows, malformed
