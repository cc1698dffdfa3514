"""Rows of files in, rows of frames and dead letters out."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from interestflow.transforms.config import EntitiesConfig, IngestionConfig, TableConfig
from interestflow.transforms.reading.entities import read_entities
from interestflow.transforms.reading.events import read_events
from interestflow.transforms.reading.files import TableError, list_files
from interestflow.transforms.reading.tables import Table
from tests.transforms.small_config import shop


def events_of(path: Path, config: IngestionConfig, number: int = 0, **options: Any) -> Table:
    """All blocks of a file joined."""
    tables = list(read_events(str(path), number, config, **options))
    return Table(
        pl.concat([table.frame for table in tables]),
        pl.concat([table.dead_letters for table in tables]),
        sum(table.rows for table in tables),
    )


def written(folder: Path, text: str, name: str = "events.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def letters(table: Table) -> list[tuple[int, str]]:
    return table.dead_letters.select("row", "reason").rows()


def test_events_have_ids_microseconds_order_and_the_columns_that_are_used(tmp_path: Path) -> None:
    path = written(tmp_path, "unused,user_id,item_id,at,click\nx,7,12,100,1\nx,8,13,101.5,0\n")
    table = events_of(path, shop())
    assert table.frame.columns == ["user", "item", "timestamp", "order", "click"]
    assert table.frame.rows() == [("7", "12", 100_000_000, 0, "1"), ("8", "13", 101_500_000, 1, "0")]
    assert table.frame.schema["timestamp"] == table.frame.schema["order"] == pl.Int64
    assert (table.rows, table.dead_letters.height) == (2, 0)


def test_order_goes_by_file_then_row(tmp_path: Path) -> None:
    path = written(tmp_path, "user_id,item_id,at,click\n7,1,5,1\n7,2,5,1\n")
    first, second = (events_of(path, shop(), number).frame.get_column("order").to_list() for number in (0, 1))
    assert first == [0, 1]
    assert second == [2**40, 2**40 + 1]


def test_every_reason_for_which_a_row_cannot_be_used(tmp_path: Path) -> None:
    config = shop(
        events={"event_type": "type", "event_types": ["view", "buy"]},
        tasks=[{"name": "like", "label": {"column": "stars", "at_least": 4}}],
    )
    path = written(
        tmp_path,
        "user_id,item_id,at,type,stars\n"
        "7,1,100,view,5\n"
        ",1,100,view,5\n"
        "7,,100,view,5\n"
        "7,1,soon,view,5\n"
        "7,1,,view,5\n"
        "7,1,100,sell,5\n"
        "7,1,100,,5\n"
        "7,1,100,view,many\n"
        "7,1,100,view,\n"
        "7,1,100,view,nan\n"
        "7,1,100,view\n"
        "7,1,100,view,5,6\n"
        '7,1,100,view,"5\n'
        "8,2,200,buy,1\n",
    )
    table = events_of(path, config)
    assert letters(table) == [
        (2, "no user id in `user_id`"),
        (3, "no item id in `item_id`"),
        (4, "timestamp soon in `at` cannot be read as s"),
        (5, "timestamp (none) in `at` cannot be read as s"),
        (6, "event type sell is not among `data.events.event_types`"),
        (7, "event type (none) is not among `data.events.event_types`"),
        (8, "label of task like cannot be read: many in `stars`"),
        (9, "label of task like cannot be read: (none) in `stars`"),
        (10, "label of task like cannot be read: nan in `stars`"),
        (11, "4 fields in a line, not 5"),
        (12, "6 fields in a line, not 5"),
        (13, "not a line of CSV: unexpected end of data"),
    ]
    assert table.frame.select("user", "item", "order").rows() == [("7", "1", 0), ("8", "2", 13)]
    assert table.rows == 14


def test_a_dead_letter_shows_what_was_used_of_its_row_and_where_it_stood(tmp_path: Path) -> None:
    path = written(tmp_path, "user_id,item_id,at,click,unused\n7,1,soon,1,x\n7,1,100,1\n")
    table = events_of(path, shop())
    first, second = table.dead_letters.rows(named=True)
    assert (first["file"], first["row"], first["kind"]) == (str(path), 1, "timestamp cannot be read")
    assert json.loads(first["content"]) == {"user_id": "7", "item_id": "1", "at": "soon", "click": "1"}
    assert (second["row"], second["kind"], second["content"]) == (2, "not a line of the table", "7,1,100,1")


def test_bytes_that_are_not_utf8_cost_the_row_only_where_its_column_is_used(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(b"user_id,item_id,at,click,title\n7,caf\xe9,100,1,x\n7,caf\xc3\xa9,100,1,caf\xe9\n")
    table = events_of(path, shop())
    assert letters(table) == [(1, "not UTF-8 in `item_id`")]
    assert table.frame.get_column("item").to_list() == ["café"]


def test_a_label_is_needed_only_where_the_mask_selects(tmp_path: Path) -> None:
    config = shop(tasks=[{"name": "long", "label": {"column": "is_long"}, "mask": {"column": "played"}}])
    path = written(tmp_path, "user_id,item_id,at,is_long,played\n1,1,1,,0\n1,1,2,1,1\n1,1,3,,1\n1,1,4,,\n")
    table = events_of(path, config)
    assert letters(table) == [(3, "label of task long cannot be read: (none) in `is_long`")]
    assert table.frame.height == 3


@pytest.mark.parametrize("taken", ["user", "item", "timestamp", "order", "id", "log.user"])
def test_a_column_of_the_log_that_is_named_like_one_of_ours_keeps_its_values(tmp_path: Path, taken: str) -> None:
    config = shop(
        features={"attributes": [{"name": "shade", "from": "events", "column": taken, "use": ["history"]}]},
        tasks=[{"name": "click", "label": {"column": taken, "at_least": 3}}],
    )
    path = written(tmp_path, f"user_id,item_id,at,{taken}\n7,1,100,4\n")
    table = events_of(path, config)
    assert table.frame.rows(named=True) == [
        {"user": "7", "item": "1", "timestamp": 100_000_000, "order": 0, f"log.{taken}": "4"}
    ]


def test_the_column_of_the_time_may_also_be_an_attribute(tmp_path: Path) -> None:
    config = shop(
        events={"user": "user", "item": "item", "timestamp": "timestamp", "timestamp_unit": "ms"},
        features={"attributes": [{"name": "when", "from": "events", "column": "timestamp", "kind": "numeric"}]},
    )
    path = written(tmp_path, "user,item,timestamp,click\na,b,1500,1\n")
    assert events_of(path, config).frame.rows(named=True) == [
        {"user": "a", "item": "b", "timestamp": 1_500_000, "order": 0, "click": "1", "log.timestamp": "1500"}
    ]


def test_a_missing_column_is_named_with_those_most_like_it(tmp_path: Path) -> None:
    path = written(tmp_path, "user_id,item_id,at,clicks,device\n")
    path.write_text(path.read_text() + "1,2,3,0,x\n")
    with pytest.raises(TableError, match=r"events.csv should have a column `click`, received clicks$"):
        events_of(path, shop())


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
    table = events_of(path, config)
    assert table.frame.rows(named=True) == [
        {"user": "7", "item": "a", "timestamp": 60_000_000, "order": 0, "click": True, "tags": ["x", "y"]}
    ]
    assert letters(table) == [(2, "no user id in `user_id`")]
    assert json.loads(table.dead_letters.get_column("content")[0])["item_id"] == "b"


def test_entities_have_an_id_and_the_first_of_those_that_share_it_is_used(tmp_path: Path) -> None:
    written(tmp_path, "item_id,colour,id\n1,red,x\n,blue,y\n2,green,z\n1,black,w\n", "items-1.csv")
    written(tmp_path, "colour,item_id,id\nwhite,2,v\ngrey,3,u\n", "items-2.csv")
    table = read_entities(
        EntitiesConfig(path="items-*.csv", format="csv", id="item_id"), str(tmp_path), ["colour", "id", "colour"]
    )
    assert table.frame.columns == ["id", "colour", "log.id"]
    assert table.frame.rows() == [("1", "red", "x"), ("2", "green", "z"), ("3", "grey", "u")]
    assert table.dead_letters.select("file", "row", "reason").rows() == [
        (str(tmp_path / "items-1.csv"), 2, "no id in `item_id`"),
        (str(tmp_path / "items-1.csv"), 4, "id 1 is given twice; the first is used"),
        (str(tmp_path / "items-2.csv"), 1, "id 2 is given twice; the first is used"),
    ]
    assert table.rows == 6


def test_files_are_found_by_pattern_and_sorted(tmp_path: Path) -> None:
    for name in ("events-2.csv", "events-1.csv", "other.csv"):
        written(tmp_path, "a\n1\n", name)
    table = TableConfig(path="events-*.csv", format="csv")
    assert list_files(table, str(tmp_path)) == [str(tmp_path / "events-1.csv"), str(tmp_path / "events-2.csv")]
    absolute = TableConfig(path=str(tmp_path / "other.csv"), format="csv")
    assert list_files(absolute, "/elsewhere") == [str(tmp_path / "other.csv")]


def test_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"no file matches .*nothing\.csv"):
        list_files(TableConfig(path="nothing.csv", format="csv"), str(tmp_path))
