"""Which rows a condition selects, and which it cannot decide."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from interestflow.transforms.config import Condition
from interestflow.transforms.reading.conditions import is_readable, is_selected


def selected(condition: dict[str, Any], values: list[Any], dtype: Any = None) -> list[bool]:
    frame = pl.DataFrame({"column": pl.Series(values, dtype=dtype, strict=False)})
    flag = is_selected(Condition.model_validate(condition), "column").alias("flag")
    return frame.select("column", flag).get_column("flag").to_list()


def readable(condition: dict[str, Any], values: list[Any]) -> list[bool]:
    frame = pl.DataFrame({"column": pl.Series(values, strict=False)})
    return frame.select(is_readable(Condition.model_validate({"column": "column"} | condition))).to_series().to_list()


def test_every_event() -> None:
    assert selected({"every_event": True}, ["a", None]) == [True, True]


def test_event_types() -> None:
    assert selected({"event_types": ["buy", "3"]}, ["buy", "view", None, "Buy"]) == [True, False, False, False]
    assert selected({"event_types": ["buy", "3"]}, [3, 4, None]) == [True, False, False]


@pytest.mark.parametrize(
    "values", [["1", "0", None], [1, 0, None], [1.0, 0.0, None], [True, False, None], ["True", "FALSE", None]]
)
def test_a_column_of_truth_values(values: list[Any]) -> None:
    assert selected({"column": "column"}, values) == [True, False, False]
    assert readable({}, values) == [True, True, False]


def test_a_value_that_is_not_a_truth_value_is_neither_selected_nor_readable() -> None:
    assert selected({"column": "column"}, ["yes", "2", ""]) == [False, False, False]
    assert readable({}, ["yes", "2", "", "1.0"]) == [False, False, False, True]


@pytest.mark.parametrize("values", [["4", "3.9", "x", None], [4.0, 3.9, None, None]])
def test_thresholds_include_their_bound(values: list[Any]) -> None:
    assert selected({"column": "column", "at_least": 4}, values) == [True, False, False, False]
    at_most = selected({"column": "column", "at_most": 3.9}, values)
    assert at_most == [False, True, False, False]
    assert readable({"at_least": 4}, values) == [True, True, False, False]


def test_not_a_number_is_neither_large_nor_small() -> None:
    values = [float("nan"), 5.0]
    assert selected({"column": "column", "at_least": 4}, values) == [False, True]
    assert selected({"column": "column", "at_most": 6}, values) == [False, True]
    assert readable({"at_most": 6}, values) == [False, True]


def test_one_of_compares_numbers_however_they_are_written() -> None:
    assert selected({"column": "column", "one_of": [4, 5]}, ["4", "5.0", "45", None]) == [True, True, False, False]
    assert selected({"column": "column", "one_of": [4, 5]}, [4.0, 5.5]) == [True, False]


def test_one_of_compares_text_and_truth_values() -> None:
    assert selected({"column": "column", "one_of": ["a", "4"]}, ["a", "A", "4", "4.0"]) == [True, False, True, False]
    assert selected({"column": "column", "one_of": [True]}, ["true", "True", "1", "false"]) == [
        True, True, False, False,
    ]  # fmt: skip
    assert selected({"column": "column", "one_of": ["a"]}, [None]) == [False]
    assert readable({"one_of": ["a"]}, ["z", None]) == [True, False]


def test_a_condition_reads_the_logs_column_and_not_the_reserved_one() -> None:
    frame = pl.DataFrame({"timestamp": [1], "log.timestamp": ["9"]})
    condition = Condition(column="timestamp", at_least=5)
    assert frame.select(is_selected(condition, None)).item() is True
