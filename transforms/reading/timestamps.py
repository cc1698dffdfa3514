"""Reads times in every form that a log may have them in."""

from __future__ import annotations

import datetime

import polars as pl

from interestflow.transforms.config import TimestampUnit

MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
FURTHEST = 253_402_300_800_000_000
"""Microseconds from 1970 to the year 10000: a number beyond is a time in another unit than the one configured."""
ISO_8601 = (
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d",
)
"""Each row is read by the first that fits; without an offset a time is UTC."""


def microseconds(times: pl.Series, unit: TimestampUnit) -> pl.Series:
    """Int64 microseconds since 1970 UTC; null where a value is no time between the years -6000 and 9999.

    Args:
        times: numbers or their text in `unit`; text where that is `iso8601`; dates and datetimes whatever the unit.
        unit: of the configuration.
    """
    if times.dtype == pl.Date or isinstance(times.dtype, pl.Datetime):
        return times.dt.timestamp("us")
    if unit == "iso8601":
        return _from_text(times.cast(pl.String))
    if times.dtype.is_integer():
        return _scaled(times.cast(pl.Int64, strict=False), unit)
    if times.dtype.is_float():
        return _scaled(times.cast(pl.Float64), unit)
    texts = times.cast(pl.String)
    whole = _scaled(texts.cast(pl.Int64, strict=False), unit)
    if whole.null_count() == texts.null_count():
        return whole
    return whole.zip_with(whole.is_not_null(), _scaled(texts.cast(pl.Float64, strict=False), unit))


def show_time(microseconds: int) -> str:
    """An instant as a person reads it; the number where it is beyond the calendar."""
    try:
        time = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(microseconds=microseconds)
    except OverflowError:
        return f"{microseconds} microseconds"
    return time.strftime("%Y-%m-%d %H:%M:%S") + (f".{time.microsecond:06}" if time.microsecond else "")


def _scaled(numbers: pl.Series, unit: TimestampUnit) -> pl.Series:
    """Numbers in `unit`, whole or not; beyond the year 9999 null, since multiplied they might not fit."""
    name = numbers.name
    number = pl.col(name)
    if unit == "ns":
        time, limit = (number // 1_000 if numbers.dtype.is_integer() else (number / 1_000).floor()), FURTHEST * 1_000
    else:
        factor = MICROSECONDS[unit]
        time, limit = (number * factor).round() if numbers.dtype.is_float() else number * factor, FURTHEST // factor
    is_near = (number < limit) & (number > -limit)
    return numbers.to_frame().select(pl.when(is_near).then(time).cast(pl.Int64, strict=False)).to_series().alias(name)


def _from_text(texts: pl.Series) -> pl.Series:
    """`2024-03-01T12:30:00.5+01:00`, also with a space for the T, without seconds, or the date alone."""
    texts = texts.str.strip_chars().str.replace(" ", "T", literal=True)
    found = pl.Series(texts.name, [None] * len(texts), dtype=pl.Int64)
    for form in ISO_8601:
        if found.null_count() == texts.null_count():
            break
        read = texts.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False).dt.timestamp("us")
        found = found.zip_with(found.is_not_null(), read)
    return found
