"""Files of a generated log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import polars as pl

from interestflow.transforms.generator.generate import GeneratedLog

LogFormat = Literal["parquet", "csv", "jsonl"]


def write_log(log: GeneratedLog, folder: str | Path, format: LogFormat = "parquet") -> dict[str, Path]:
    """Write `events`, `items` and `users` as one file each into `folder`, which is created.

    A file appears under its name only once it is complete, `events` last: if it exists, the others do too.

    Args:
        log: the tables.
        folder: folder of the files.
        format: format of the files.

    Returns:
        The three paths by the table's name.

    Raises:
        ValueError: if the format is not parquet, csv or jsonl.
        OSError: if the folder cannot be written to.
    """
    writers: dict[str, Callable[[pl.DataFrame, Path], None]] = {
        "parquet": lambda table, path: table.write_parquet(path),
        "csv": lambda table, path: table.write_csv(path),
        "jsonl": lambda table, path: table.write_ndjson(path),
    }
    if format not in writers:
        raise ValueError(f"`format` should be one of {', '.join(writers)}, received {format!r}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name in ("items", "users", "events"):
        paths[name] = folder / f"{name}.{format}"
        unfinished = folder / f".{name}.{format}.unfinished"
        writers[format](getattr(log, name), unfinished)
        unfinished.replace(paths[name])
    return paths
