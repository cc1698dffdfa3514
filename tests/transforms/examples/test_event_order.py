"""Blocks of events become ordered events and a list of repeated rows."""

from __future__ import annotations

import polars as pl

from interestflow.transforms.examples.event_order import sort_events
from tests.transforms.small_log import events


def test_a_row_that_repeats_another_in_every_column_is_left_out() -> None:
    log = events([("u", "a", 5, 1), ("u", "a", 5, 1), ("u", "a", 5, 0), ("v", "a", 5, 1), ("u", "a", 5, 1)])
    unique, repeated = sort_events([log.slice(0, 2), log.slice(2)])
    assert unique.get_column("order").to_list() == [0, 2, 3]
    assert repeated.get_column("order").to_list() == [1, 4]


def test_events_are_ordered_by_user_then_time_then_as_they_were_written() -> None:
    log = events([("v", "a", 1, 1), ("u", "a", 9, 1), ("u", "b", 2, 1), ("u", "c", 2, 1)])
    ordered, repeated = sort_events([log.slice(2), log.slice(0, 2)])
    assert ordered.select("user", "item").rows() == [("u", "b"), ("u", "c"), ("u", "a"), ("v", "a")]
    assert repeated.schema == pl.Schema(log.schema)
    assert repeated.is_empty()
