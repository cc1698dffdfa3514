"""What the conditions of a configuration mean as column expressions."""

from __future__ import annotations

import polars as pl

from interestflow.transforms.config import Condition
from interestflow.transforms.reading.columns import own_column

TRUTHS = {"1": 1.0, "1.0": 1.0, "true": 1.0, "0": 0.0, "0.0": 0.0, "false": 0.0}


def columns_of(condition: Condition) -> list[str]:
    """The columns of the log that the condition reads; the event type is not among them."""
    return [] if condition.column is None else [condition.column]


def holds(condition: Condition, event_type: str | None) -> pl.Expr:
    """Boolean, on a frame of events: whether each is selected; false where the column has no readable value.

    Args:
        condition: of the configuration.
        event_type: the log's column that holds the event's type.
    """
    if condition.every_event:
        return pl.lit(True)
    if condition.event_types is not None:
        return _text(str(event_type)).is_in(list(condition.event_types)).fill_null(False)
    if condition.one_of is not None:
        return _is_one_of(str(condition.column), condition.one_of)
    if condition.at_least is not None:
        return (_number(condition) >= condition.at_least).fill_null(False)
    if condition.at_most is not None:
        return (_number(condition) <= condition.at_most).fill_null(False)
    return (_truth(condition) == 1.0).fill_null(False)


def is_readable(condition: Condition) -> pl.Expr:
    """Boolean: whether the column that the condition reads holds something that it can be decided by."""
    if condition.column is None:
        return pl.lit(True)
    if condition.one_of is not None:
        return pl.col(own_column(condition.column)).is_not_null()
    value = _truth(condition) if condition.at_least is None and condition.at_most is None else _number(condition)
    return value.is_not_null()


def _is_one_of(column: str, values: tuple[str | int | float | bool, ...]) -> pl.Expr:
    """A number is meant as a number, however it is written; true and false in any case; text as it is."""
    texts = [value for value in values if isinstance(value, str)]
    truths = [str(value).lower() for value in values if isinstance(value, bool)]
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    ways = [
        _text(column).is_in(texts) if texts else None,
        _text(column).str.to_lowercase().is_in(truths) if truths else None,
        pl.col(own_column(column)).cast(pl.Float64, strict=False).is_in(numbers) if numbers else None,
    ]
    return pl.any_horizontal(pl.lit(False), *(way.fill_null(False) for way in ways if way is not None))


def _text(column: str) -> pl.Expr:
    return pl.col(own_column(column)).cast(pl.String)


def _number(condition: Condition) -> pl.Expr:
    """Null where there is no number, NaN being none."""
    return pl.col(own_column(str(condition.column))).cast(pl.Float64, strict=False).fill_nan(None)


def _truth(condition: Condition) -> pl.Expr:
    """1 or 0, null for anything else."""
    text = _text(str(condition.column)).str.to_lowercase()
    return text.replace_strict(TRUTHS, default=None, return_dtype=pl.Float64)
