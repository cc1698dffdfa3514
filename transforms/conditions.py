"""What the conditions of a configuration mean as column expressions."""

from __future__ import annotations

import polars as pl

from transforms.config import Condition

TRUTHS = {"1": 1.0, "1.0": 1.0, "true": 1.0, "0": 0.0, "0.0": 0.0, "false": 0.0}


def columns_of(condition: Condition) -> list[str]:
    """The columns of the log that the condition reads; the event type is not among them."""
    return [] if condition.column is None else [condition.column]


def holds(condition: Condition, event_type: str | None) -> pl.Expr:
    """Boolean: whether an event is selected; false where the column has no readable value.

    Args:
        condition: of the configuration.
        event_type: the column that holds the event's type.
    """
    if condition.every_event:
        return pl.lit(True)
    if condition.event_types is not None:
        return pl.col(str(event_type)).cast(pl.String).is_in(list(condition.event_types)).fill_null(False)
    column = pl.col(str(condition.column))
    if condition.one_of is not None:
        texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in condition.one_of]
        numbers = [float(value) for value in condition.one_of if isinstance(value, int | float)]
        number = column.cast(pl.Float64, strict=False)
        chosen = column.cast(pl.String).is_in(texts) | (number.is_in(numbers) if numbers else pl.lit(False))
        return chosen.fill_null(False)
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
        return pl.col(condition.column).is_not_null()
    value = _truth(condition) if condition.at_least is None and condition.at_most is None else _number(condition)
    return value.is_not_null() & value.is_not_nan()


def _number(condition: Condition) -> pl.Expr:
    return pl.col(str(condition.column)).cast(pl.Float64, strict=False)


def _truth(condition: Condition) -> pl.Expr:
    """1 or 0, null for anything else."""
    text = pl.col(str(condition.column)).cast(pl.String).str.to_lowercase()
    return text.replace_strict(TRUTHS, default=None, return_dtype=pl.Float64)
