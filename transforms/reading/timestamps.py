"""Parse timestamps in the formats that logs use."""

from __future__ import annotations

import datetime

import polars as pl

from interestflow.transforms.config import TimestampUnit

MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
MAX_MICROSECONDS = 253_402_300_800_000_000
"""Microseconds from 1970 to the year 10000: a larger number is a time in another unit than the configured one."""
ISO_8601 = (
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d",
)
"""Formats of text; a value is read by the first that matches. A time without an offset is UTC."""


def parse_timestamps(times: pl.Series, unit: TimestampUnit) -> pl.Series:
    """Convert times to int64 microseconds since 1970 UTC; null for a value outside the years -6000 to 9999.

    Args:
        times: numbers or their text in `unit`; text if that is `iso8601`; dates and datetimes with any unit.
        unit: the configured unit.
    """
    if times.dtype == pl.Date or isinstance(times.dtype, pl.Datetime):
        return times.dt.timestamp("us")
    if unit == "iso8601":
        return _parse_texts(times.cast(pl.String))
    if times.dtype.is_integer():
        return _scale(times.cast(pl.Int64, strict=False), unit)
    if times.dtype.is_float():
        return _scale(times.cast(pl.Float64), unit)
    texts = times.cast(pl.String)
    integers = _scale(texts.cast(pl.Int64, strict=False), unit)
    if integers.null_count() == texts.null_count():
        return integers
    return integers.zip_with(integers.is_not_null(), _scale(texts.cast(pl.Float64, strict=False), unit))


def _scale(numbers: pl.Series, unit: TimestampUnit) -> pl.Series:
    """Convert integers or floats in `unit`; null beyond the year 9999, where the product might overflow."""
    name = numbers.name
    column = pl.col(name)
    if unit == "ns":
        time = column // 1_000 if numbers.dtype.is_integer() else (column / 1_000).floor()
        limit = MAX_MICROSECONDS * 1_000
    else:
        factor = MICROSECONDS[unit]
        time = (column * factor).round() if numbers.dtype.is_float() else column * factor
        limit = MAX_MICROSECONDS // factor
    is_in_range = (column < limit) & (column > -limit)
    scaled = pl.when(is_in_range).then(time).cast(pl.Int64, strict=False)
    return numbers.to_frame().select(scaled).to_series().alias(name)


def _parse_texts(texts: pl.Series) -> pl.Series:
    """Parse `2024-03-01T12:30:00.5+01:00`, also with a space for the T, without seconds, or the date alone."""
    texts = texts.str.strip_chars().str.replace(" ", "T", literal=True)
    times = pl.Series(texts.name, [None] * len(texts), dtype=pl.Int64)
    for form in ISO_8601:
        if times.null_count() == texts.null_count():
            break
        parsed = texts.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False).dt.timestamp("us")
        times = times.zip_with(times.is_not_null(), parsed)
    return times


def show_time(microseconds: int) -> str:
    """Format microseconds since 1970 as a UTC date and time; as the number if it is beyond the calendar."""
    try:
        time = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(microseconds=microseconds)
    except OverflowError:
        return f"{microseconds} microseconds"
    return time.strftime("%Y-%m-%d %H:%M:%S") + (f".{time.microsecond:06}" if time.microsecond else "")
