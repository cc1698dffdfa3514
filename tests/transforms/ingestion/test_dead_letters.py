"""Counts of dead letters, and the error if there are too many."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from interestflow.transforms.ingestion.counts import TableCounts
from interestflow.transforms.ingestion.dead_letters import (
    IngestionError,
    TableReport,
    bad_rows_message,
    check_dead_letters,
    count_tables,
    report_rows,
    sum_reasons,
)
from interestflow.transforms.ingestion.shuffle_files import read_frame
from tests.transforms.small_log import configuration


def test_reasons_are_summed_over_all_blocks() -> None:
    """60 rows reported in two parts: 4 and 6 without a user, 5 with another mistake; the limit is 1%."""
    reports = [
        TableReport("events", 40, {"no user id": 4}),
        TableReport("events", 20, {"no user id": 6, "no item id": 5}),
        TableReport("items", 9, {}),
    ]
    with pytest.raises(IngestionError) as raised:
        check_dead_letters(reports, configuration())
    assert str(raised.value) == (
        "at most 1.00% of the rows of `data.events` should be unusable (`data.max_bad_row_share`), "
        "received 15 of 60, 25.00%: 10 x no user id; 5 x no item id"
    )


def test_up_to_the_limit_there_is_no_message() -> None:
    assert bad_rows_message("events", 100, 1, 0.01, {"no user id": 1}) is None
    assert bad_rows_message("events", 100, 2, 0.01, {"no user id": 2}) is not None
    assert bad_rows_message("events", 0, 0, 0.0, {}) is None


def test_rows_and_reasons_are_summed_by_table() -> None:
    reports = [
        TableReport("events", 40, {"a": 4}),
        TableReport("events", 20, {"a": 1, "b": 2}),
        TableReport("items", 9, {}),
    ]
    assert sum_reasons(reports) == {"events": {"a": 5, "b": 2}, "items": {}}
    assert count_tables(reports) == {
        "events": TableCounts(rows=60, usable=53, dead_letters=7),
        "items": TableCounts(rows=9, usable=9, dead_letters=0),
    }


def test_a_step_reports_its_rows_and_only_has_dead_letters_if_there_are_any(tmp_path: Path) -> None:
    letters = pl.DataFrame({"file": ["f"] * 3, "row": [1, 2, 3], "kind": ["a", "b", "a"]})
    counts, chunk = report_rows("events", 10, letters, str(tmp_path))
    assert (counts.tag, counts.value) == ("counts", TableReport("events", 10, {"a": 2, "b": 1}))
    assert chunk.tag == "letters"
    assert read_frame(chunk.value.location).equals(letters.drop("kind"))
    assert [output.tag for output in report_rows("events", 10, letters.clear(), str(tmp_path))] == ["counts"]


def test_a_table_within_another_section_is_named_by_its_whole_key() -> None:
    with pytest.raises(IngestionError, match=r"rows of `data\.knowledge_graph\.links` should be unusable"):
        check_dead_letters([TableReport("links", 10, {"no entity": 6})], configuration())
