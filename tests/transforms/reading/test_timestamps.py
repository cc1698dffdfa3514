"""Times of every form are parsed to microseconds."""

from __future__ import annotations

import datetime
from typing import Any

import polars as pl
import pytest

from interestflow.transforms.reading.timestamps import parse_timestamps

INSTANT = 1_709_296_200_000_000
"""2024-03-01 12:30:00 UTC in microseconds: `date -u -d "2024-03-01 12:30" +%s` says 1709296200."""


@pytest.mark.parametrize(
    ("unit", "value"), [("s", 1709296200), ("ms", 1709296200000), ("us", INSTANT), ("ns", INSTANT * 1000)]
)
def test_numbers_in_every_unit_as_number_text_and_float(unit: Any, value: int) -> None:
    for series in (pl.Series([value]), pl.Series([str(value)]), pl.Series([float(value)]), pl.Series([f"{value}.0"])):
        assert parse_timestamps(series, unit).to_list() == [INSTANT], series


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [("s", 1.25, 1_250_000), ("ms", 1.25, 1_250), ("s", -1.5, -1_500_000), ("ns", 1_999.0, 1), ("us", -7.0, -7)],
)
def test_fractions_of_the_unit_are_kept_to_the_microsecond(unit: Any, value: float, expected: int) -> None:
    assert parse_timestamps(pl.Series([value]), unit).to_list() == [expected]
    assert parse_timestamps(pl.Series([str(value)]), unit).to_list() == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-01T12:30:00Z",
        "2024-03-01 12:30:00",
        "2024-03-01T12:30",
        "2024-03-01T12:30:00.000",
        "2024-03-01T13:30:00+01:00",
        "2024-03-01T13:30:00+0100",
        "2024-03-01 13:30+01:00",
        " 2024-03-01T12:30:00Z ",
    ],
)
def test_texts_of_one_instant(text: str) -> None:
    assert parse_timestamps(pl.Series([text]), "iso8601").to_list() == [INSTANT]


def test_each_row_may_have_another_format() -> None:
    texts = pl.Series(["2024-03-01", "x", "2024-03-01T00:00:00.5Z", None, "2024-02-30", "2024-03-01T00:00:00"])
    midnight = INSTANT - 45_000_000_000  # 12.5 hours
    assert parse_timestamps(texts, "iso8601").to_list() == [midnight, None, midnight + 500_000, None, None, midnight]


def test_dates_and_datetimes_need_no_unit() -> None:
    naive = datetime.datetime(2024, 3, 1, 12, 30)
    for unit in ("ms", "us", "ns"):
        assert parse_timestamps(pl.Series([naive], dtype=pl.Datetime(unit)), "s").to_list() == [INSTANT]  # type: ignore[arg-type]
    zoned = pl.Series([naive]).dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo")
    assert parse_timestamps(zoned, "s").to_list() == [INSTANT]
    assert parse_timestamps(pl.Series([naive.date()]), "ms").to_list() == [INSTANT - 45_000_000_000]


def test_a_value_that_is_not_a_time_is_null() -> None:
    for values in (["soon", "", None, "nan", "inf"], [float("nan"), float("inf"), None]):
        for unit in ("s", "ms", "us", "ns"):
            timestamps = parse_timestamps(pl.Series(values), unit)  # type: ignore[arg-type]
            assert timestamps.null_count() == len(values), (values, unit)


def test_a_number_in_a_finer_unit_than_configured_is_null() -> None:
    # 1709296200000 seconds would be the year 56135; multiplied, nanoseconds would not even fit into 64 bits.
    assert parse_timestamps(pl.Series([1709296200000, INSTANT * 1000]), "s").to_list() == [None, None]
    assert parse_timestamps(pl.Series([float(INSTANT * 1000)]), "s").to_list() == [None]
