"""Small files of events and entities, and the tables that are read from them, for the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.reading.events import read_events
from interestflow.transforms.reading.tables import Table


def read_all(path: Path, config: IngestionConfig, shard: int = 0, **options: Any) -> Table:
    """Read all blocks of a file and join them."""
    tables = list(read_events(str(path), shard, config, **options))
    return Table(
        pl.concat([table.frame for table in tables]),
        pl.concat([table.dead_letters for table in tables]),
        sum(table.rows for table in tables),
    )


def write_file(folder: Path, text: str, name: str = "events.csv") -> Path:
    """Write a text file and return its path."""
    path = folder / name
    path.write_text(text)
    return path


def reasons(table: Table) -> list[tuple[int, str]]:
    """Return the row and reason of each dead letter."""
    return table.dead_letters.select("row", "reason").rows()
