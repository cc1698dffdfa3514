"""Generated logs for `benchmarks/ingest.py`: even ones, and those whose events are distributed unevenly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import yaml

from interestflow.transforms.generator.config import LogGeneratorConfig
from interestflow.transforms.generator.generate import generate_log
from interestflow.transforms.generator.log_files import write_log

CONFIG = Path(__file__).parents[2] / "configs" / "demo.yaml"
HOT_USER_SHARE, HOT_ITEM_SHARE, FILES, BAD_SHARE = 0.1, 0.3, 10_000, 0.25
KINDS = ("even", "hot user", "hot item", "many files", "dead letters")
"""The log as it is generated; one user with 10% of all events; one item with 30%; 10,000 files; 25% unusable rows."""


def write_skewed_log(kind: str, events: int, folder: Path) -> Path:
    """Write a log and its configuration, with histories of 50, and return the path of the configuration.

    Args:
        kind: one of `KINDS`.
        events: number of events.
        folder: folder to write to.
    """
    log = generate_log(LogGeneratorConfig(events=events, users=events // 100, items=20_000, categories=100))
    write_log(log, folder)
    config = yaml.safe_load(CONFIG.read_text())
    config.pop("generate")
    config["data"]["folder"] = str(folder)
    config["data"]["max_bad_row_share"] = 1.0
    config["sequence"] = {"max_length": 50}
    if kind != "even":
        (folder / config["data"]["events"]["path"]).unlink()
        rows = _skew(log.events, kind)
        if kind == "many files":
            config["data"]["events"] |= {"path": "events/*.csv", "format": "csv"}
            _write_many(rows, folder / "events")
        else:
            rows.write_parquet(folder / config["data"]["events"]["path"], row_group_size=1 << 18)
    path = folder / "log.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def _skew(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Give a share of all events to the first user or item, or take the item away."""
    random = pl.Series(np.random.default_rng(5).random(rows.height))
    if kind == "hot user":
        return rows.with_columns(user=pl.when(random < HOT_USER_SHARE).then(pl.col("user").first()).otherwise("user"))
    if kind == "hot item":
        return rows.with_columns(item=pl.when(random < HOT_ITEM_SHARE).then(pl.col("item").first()).otherwise("item"))
    if kind == "dead letters":
        return rows.with_columns(item=pl.when(random >= BAD_SHARE).then("item"))
    return rows


def _write_many(rows: pl.DataFrame, folder: Path) -> None:
    """Write the log into many files of CSV."""
    folder.mkdir()
    for index, part in enumerate(rows.iter_slices(-(-rows.height // FILES))):
        part.write_csv(folder / f"{index:05}.csv")
