"""Marks on embedding tables, and a way to build a model without allocating its tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class DeclaredTable:
    """Size of an embedding table of which only the padding row was allocated.

    Attributes:
        name: name of the table.
        rows: number of rows that it would have.
        width: size of an embedding.
        variable: the variable [1, width] that stands for the table.
    """

    name: str
    rows: int
    width: int
    variable: keras.Variable


_declared: list[DeclaredTable] | None = None


@contextmanager
def declare_tables() -> Iterator[list[DeclaredTable]]:
    """Build tables with only the padding row, and record the full sizes they would have had.

    Yields:
        The list of tables, to which each table that is built inside the context is appended.
    """
    global _declared
    _declared = []
    try:
        yield _declared
    finally:
        _declared = None


def rows_to_allocate(rows: int) -> int:
    """Return the number of rows to allocate for a table of `rows`: all of them, or 1 inside `declare_tables`."""
    return rows if _declared is None else 1


def declare_table(name: str, rows: int, table: keras.Variable) -> None:
    """Record inside `declare_tables` that `table` [1, d] stands for a table of `rows`; do nothing elsewhere."""
    if _declared is not None:
        _declared.append(DeclaredTable(name, rows, table.shape[1], table))


def mark_as_table(variable: keras.Variable) -> keras.Variable:
    """Mark `variable` [rows, d] as an embedding table, of which a step uses few rows, and return it.

    Optimizers check the mark with `is_table`.
    """
    variable.is_table = True
    return variable


def is_table(variable: keras.Variable) -> bool:
    """Return whether `variable` is marked as an embedding table."""
    return getattr(variable, "is_table", False)
