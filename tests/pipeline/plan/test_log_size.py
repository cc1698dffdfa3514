"""Sizes of logs of known sizes."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from interestflow.pipeline.config import load
from interestflow.pipeline.plan import log_size
from interestflow.pipeline.plan.log_size import estimate_log, estimate_rows, extrapolate_distinct
from interestflow.transforms.config import TableConfig
from interestflow.transforms.reading.files import TableError, match_files
from tests.object_stores import ObjectStore
from tests.pipeline.validate.small_shop import CONFIG, write_shop

ROWS = 40_000


def test_a_small_log_is_counted(tmp_path: Path) -> None:
    size = estimate_log(load(write_shop(tmp_path)).ingestion())
    assert (size.events, size.files, size.items, size.users) == (20.0, 1, 4.0, 2.0)
    # Of every four events, the first and the last are clicks, of one user each.
    assert (size.behaviours, size.positives) == (0.5, 0.5)
    # Ten events of a user, every second a click: 0 to 5 clicks before them, of which three are kept.
    assert size.history == pytest.approx((0 + 1 + 1 + 2 + 2 + 3 * 5) / 10 * 0.5 + (0 + 0 + 1 + 1 + 2 + 2 + 3 * 4) / 20)
    assert size.values == {"colour": 2, "tags": 2, "device": 2}
    assert size.assumptions == ()


def test_every_event_may_be_a_behaviour(tmp_path: Path) -> None:
    config = CONFIG.replace("{column: click}, max_length: 3", "{every_event: true}, max_length: 4")
    size = estimate_log(load(write_shop(tmp_path, config=config)).ingestion())
    # Ten events of each user, with 0, 1, 2, 3 and then 4 kept before them.
    assert (size.behaviours, size.history) == (1.0, (0 + 1 + 2 + 3 + 6 * 4) / 10)


def write_large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a log of 40,000 events, 100 users and 1,000 items, of which little is read."""
    monkeypatch.setattr(log_size, "WHOLE_BYTES", 1)
    path = write_shop(folder, config=CONFIG.replace("{column: click}", "{every_event: true}"))
    index = pl.int_range(ROWS, eager=True)
    frame = pl.DataFrame(
        {
            "user": "u" + (index % 100).cast(pl.String),
            "item": "i" + (index % 1000).cast(pl.String),
            "time": 1709251200 + index,
            "device": "web",
        }
    )
    (folder / "events.csv").unlink()
    for part in range(4):
        frame.slice(part * ROWS // 4, ROWS // 4).write_csv(folder / f"events-{part}.csv")
    return path


def test_a_large_log_is_estimated_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = estimate_log(load(write_large(tmp_path, monkeypatch)).ingestion())
    assert size.events == pytest.approx(ROWS, rel=0.01)
    assert size.items == pytest.approx(4.0, rel=0.3)  # the table of items has four rows
    assert size.users == pytest.approx(100.0, rel=0.05)
    assert size.history == pytest.approx(3.0, rel=0.05)
    assert len(size.assumptions) == 2
    assert "by their tables or by the first rows" in size.assumptions[0]


def test_rows_of_parquet_are_those_of_footers(tmp_path: Path) -> None:
    for part in range(20):
        pl.DataFrame({"a": range(part * 50, part * 50 + 50)}).write_parquet(tmp_path / f"{part}.parquet")
    table = TableConfig(path="*.parquet", format="parquet")
    assert estimate_rows(table, match_files(table, str(tmp_path))) == pytest.approx(1000, rel=0.02)


def test_rows_of_compressed_text_are_those_of_its_beginning(tmp_path: Path) -> None:
    lines = "".join(f"user{index % 977},item{index % 7919},{index}\n" for index in range(100_000))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(lines.encode(), 6))
    table = TableConfig(path="a.csv.gz", format="csv")
    assert estimate_rows(table, match_files(table, str(tmp_path))) == pytest.approx(100_000, rel=0.1)


def test_distinct_values_grow_as_in_the_sample() -> None:
    # All values differ: they go on doing so. All values are there already: no more will come.
    assert extrapolate_distinct(pl.int_range(1000, eager=True), 5000) == pytest.approx(5000, rel=0.01)
    assert extrapolate_distinct(pl.int_range(1000, eager=True) % 10, 5000) == pytest.approx(10)


def test_a_log_on_an_object_store_is_estimated(s3: ObjectStore, tmp_path: Path) -> None:
    path = write_shop(tmp_path)
    s3.write({name: (tmp_path / name).read_bytes() for name in ("events.csv", "items.csv")})
    size = estimate_log(load(path, s3.url).ingestion())
    assert (size.events, size.users, size.log_mb) == (20.0, 2.0, (tmp_path / "events.csv").stat().st_size / 2**20)


def test_a_log_without_usable_rows_is_refused(tmp_path: Path) -> None:
    path = write_shop(tmp_path, rows=[",i0,5,1,web"])
    with pytest.raises(TableError, match=r"^the log should have usable rows, received none in the 1 that"):
        estimate_log(load(path).ingestion())
