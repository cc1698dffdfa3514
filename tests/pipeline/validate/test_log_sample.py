"""A small log is read completely, a large one in part."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from interestflow.pipeline.config import load
from interestflow.pipeline.validate.log_sample import read_sample
from tests.pipeline.validate.small_shop import CONFIG


def test_of_a_large_log_a_part_is_read_and_named(tmp_path: Path) -> None:
    for index in range(10):
        pl.DataFrame({"user": ["u"] * 50, "item": ["i"] * 50, "time": range(index * 50, index * 50 + 50)}).write_csv(
            tmp_path / f"events-{index}.csv"
        )
    config = CONFIG.replace("{column: click}", "{every_event: true}").replace("name: device", "name: at, column: time")
    path = tmp_path / "shop.yaml"
    path.write_text(config)
    loaded = load(path).ingestion()
    sample = read_sample(loaded, whole_bytes=100, rows=60)
    assert sample.part is not None
    assert sample.part.startswith("the first rows, 250, of 5 of 10 files")
    assert sample.rows == 250
    assert read_sample(loaded).part is None
    assert read_sample(loaded).rows == 500
