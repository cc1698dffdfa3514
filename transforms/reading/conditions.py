"""Conditions of a configuration as column expressions."""

from __future__ import annotations

import polars as pl

from interestflow.transforms.config import Condition
from interestflow.transforms.reading.columns import frame_column

TRUTH_VALUES = {"1": 1.0, "1.0": 1.0, "true": 1.0, "0": 0.0, "0.0": 0.0, "false": 0.0}


def is_selected(condition: Condition, event_type: str | None) -> pl.Expr:
    """Return a boolean expression on events: whether the condition selects each; false for an unreadable value.

    Args:
        condition: the condition to evaluate.
        event_type: the log's column that holds the type of the event.
    """
    if condition.every_event:
        return pl.lit(True)
    if condition.event_types is not None:
        return _text(str(event_type)).is_in(list(condition.event_types)).fill_null(False)
    if condition.one_of is not None:
        return _is_one_of(str(condition.column), condition.one_of)
    if condition.at_least is not None:
        return (_as_number(condition) >= condition.at_least).fill_null(False)
    if condition.at_most is not None:
        return (_as_number(condition) <= condition.at_most).fill_null(False)
    return (_truth_value(condition) == 1.0).fill_null(False)


def is_readable(condition: Condition) -> pl.Expr:
    """Return a boolean expression on events: whether the condition's column has a value that decides it."""
    if condition.column is None:
        return pl.lit(True)
    if condition.one_of is not None:
        return pl.col(frame_column(condition.column)).is_not_null()
    is_truth_value = condition.at_least is None and condition.at_most is None
    value = _truth_value(condition) if is_truth_value else _as_number(condition)
    return value.is_not_null()


def _is_one_of(column: str, values: tuple[str | int | float | bool, ...]) -> pl.Expr:
    """Compare numbers as numbers, however they are written, true and false in any case, and text as it is."""
    texts = [value for value in values if isinstance(value, str)]
    truth_values = [str(value).lower() for value in values if isinstance(value, bool)]
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    matches = [
        _text(column).is_in(texts) if texts else None,
        _text(column).str.to_lowercase().is_in(truth_values) if truth_values else None,
        pl.col(frame_column(column)).cast(pl.Float64, strict=False).is_in(numbers) if numbers else None,
    ]
    return pl.any_horizontal(pl.lit(False), *(match.fill_null(False) for match in matches if match is not None))


def _text(column: str) -> pl.Expr:
    """Return the log's column as text."""
    return pl.col(frame_column(column)).cast(pl.String)


def _as_number(condition: Condition) -> pl.Expr:
    """Return the condition's column as numbers, with null for anything else, including NaN."""
    return pl.col(frame_column(str(condition.column))).cast(pl.Float64, strict=False).fill_nan(None)


def _truth_value(condition: Condition) -> pl.Expr:
    """Return the condition's column as 1 or 0, with null for anything else."""
    text = _text(str(condition.column)).str.to_lowercase()
    return text.replace_strict(TRUTH_VALUES, default=None, return_dtype=pl.Float64)
