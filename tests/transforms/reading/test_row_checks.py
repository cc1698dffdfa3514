"""Reasons for which rows cannot be used, each on a row that has it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from interestflow.transforms.reading.row_checks import missing_id_checks
from tests.transforms.reading.small_tables import read_all, reasons, write_file
from tests.transforms.small_config import shop


def test_every_reason_for_which_a_row_cannot_be_used(tmp_path: Path) -> None:
    config = shop(
        events={"event_type": "type", "event_types": ["view", "buy"]},
        tasks=[{"name": "like", "label": {"column": "stars", "at_least": 4}}],
    )
    path = write_file(
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
    table = read_all(path, config)
    assert reasons(table) == [
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


def test_a_label_is_needed_only_where_the_mask_selects(tmp_path: Path) -> None:
    config = shop(tasks=[{"name": "long", "label": {"column": "is_long"}, "mask": {"column": "played"}}])
    path = write_file(tmp_path, "user_id,item_id,at,is_long,played\n1,1,1,,0\n1,1,2,1,1\n1,1,3,,1\n1,1,4,,\n")
    table = read_all(path, config)
    assert reasons(table) == [(3, "label of task long cannot be read: (none) in `is_long`")]
    assert table.frame.height == 3


def test_a_row_without_an_id_is_bad_whether_null_or_empty() -> None:
    (check,) = missing_id_checks({"id": ("item_id", "no id")})
    frame = pl.DataFrame({"id": ["a", "", None]})
    assert frame.select(check.is_bad).to_series().to_list() == [False, True, True]
    assert check.kind == "no id"
    assert frame.select(check.reason).item() == "no id in `item_id`"
