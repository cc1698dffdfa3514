"""Files of events are read as frames of usable events."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import polars as pl
import pytest

from interestflow.transforms.reading.files import TableError
from tests.transforms.reading.small_tables import read_all, reasons, write_file
from tests.transforms.small_config import shop


def test_events_have_ids_microseconds_order_and_the_columns_that_are_used(tmp_path: Path) -> None:
    path = write_file(tmp_path, "unused,user_id,item_id,at,click\nx,7,12,100,1\nx,8,13,101.5,0\n")
    table = read_all(path, shop())
    assert table.frame.columns == ["user", "item", "timestamp", "order", "click"]
    assert table.frame.rows() == [("7", "12", 100_000_000, 0, "1"), ("8", "13", 101_500_000, 1, "0")]
    assert table.frame.schema["timestamp"] == table.frame.schema["order"] == pl.Int64
    assert (table.rows, table.dead_letters.height) == (2, 0)


def test_order_goes_by_file_then_row(tmp_path: Path) -> None:
    path = write_file(tmp_path, "user_id,item_id,at,click\n7,1,5,1\n7,2,5,1\n")
    first, second = (read_all(path, shop(), shard).frame.get_column("order").to_list() for shard in (0, 1))
    assert first == [0, 1]
    assert second == [2**40, 2**40 + 1]


@pytest.mark.parametrize("name", ["user", "item", "timestamp", "order", "id", "log.user"])
def test_a_column_named_like_a_reserved_one_keeps_its_values(tmp_path: Path, name: str) -> None:
    config = shop(
        features={"attributes": [{"name": "shade", "from": "events", "column": name, "use": ["history"]}]},
        tasks=[{"name": "click", "label": {"column": name, "at_least": 3}}],
    )
    path = write_file(tmp_path, f"user_id,item_id,at,{name}\n7,1,100,4\n")
    table = read_all(path, config)
    assert table.frame.rows(named=True) == [
        {"user": "7", "item": "1", "timestamp": 100_000_000, "order": 0, f"log.{name}": "4"}
    ]


def test_the_column_of_the_time_may_also_be_an_attribute(tmp_path: Path) -> None:
    config = shop(
        events={"user": "user", "item": "item", "timestamp": "timestamp", "timestamp_unit": "ms"},
        features={"attributes": [{"name": "when", "from": "events", "column": "timestamp", "kind": "numeric"}]},
    )
    path = write_file(tmp_path, "user,item,timestamp,click\na,b,1500,1\n")
    assert read_all(path, config).frame.rows(named=True) == [
        {"user": "a", "item": "b", "timestamp": 1_500_000, "order": 0, "click": "1", "log.timestamp": "1500"}
    ]


def test_a_missing_column_is_named_with_those_most_like_it(tmp_path: Path) -> None:
    path = write_file(tmp_path, "user_id,item_id,at,clicks,device\n")
    path.write_text(path.read_text() + "1,2,3,0,x\n")
    with pytest.raises(TableError, match=r"events.csv should have a column `click`, received clicks$"):
        read_all(path, shop())


def test_parquet_has_its_own_types(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    pl.DataFrame(
        {
            "user_id": [7, None],
            "item_id": ["a", "b"],
            "at": [datetime.datetime(1970, 1, 1, 0, 1), datetime.datetime(1970, 1, 1)],
            "click": [True, False],
            "tags": [["x", "y"], None],
        }
    ).write_parquet(path)
    config = shop(
        events={"format": "parquet"},
        features={"attributes": [{"name": "tags", "from": "events", "kind": "categorical_list"}]},
    )
    table = read_all(path, config)
    assert table.frame.rows(named=True) == [
        {"user": "7", "item": "a", "timestamp": 60_000_000, "order": 0, "click": True, "tags": ["x", "y"]}
    ]
    assert reasons(table) == [(2, "no user id in `user_id`")]
    assert json.loads(table.dead_letters.get_column("content")[0])["item_id"] == "b"


def test_unusable_rows_far_apart_in_a_long_file_are_reported(tmp_path: Path) -> None:
    """Polars reads a long file in chunks, and formatting reasons must not depend on how these fall."""
    rows = [f"Kunde {row % 400},prod-{row % 300}é,{1_760_000_000 + row},{row % 2}\n" for row in range(20_000)]
    for row in (5, 500, 9000):
        rows[row] = "Kunde 1,prod-1é,not a time,1\n"
    rows[77] = rows[77].replace(f"Kunde {77}", "")
    table = read_all(write_file(tmp_path, "".join(["user_id,item_id,at,click\n", *rows])), shop())
    assert table.frame.height == 19_996
    assert table.dead_letters.select("row", "kind").rows() == [
        (6, "timestamp cannot be read"), (78, "no user id"), (501, "timestamp cannot be read"),
        (9001, "timestamp cannot be read"),
    ]  # fmt: skip
