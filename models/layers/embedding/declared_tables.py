"""Marks on embedding tables, and ways to build a model without its tables or without their values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import keras

from interestflow.models.layers.embedding.huge_pages import advise_huge_pages
from interestflow.models.tensor import Shape, Tensor


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


_are_empty = False


@contextmanager
def empty_tables() -> Iterator[None]:
    """Build tables whose values are whatever lies in memory, and take no memory until they are assigned.

    This is for models whose weights are restored, on TensorFlow: initial values would be in memory beside them.
    """
    global _are_empty
    _are_empty = True
    try:
        yield
    finally:
        _are_empty = False


def table_initializer(initializer: keras.initializers.Initializer) -> keras.initializers.Initializer:
    """Return what initializes a table: `initializer`, or nothing inside `empty_tables`."""
    return _EmptyInitializer() if _are_empty else initializer


def place_table(table: keras.Variable) -> keras.Variable:
    """Move a table that was just built to huge pages, unless it is still empty, and return it."""
    return table if _are_empty else advise_huge_pages(table)


class _EmptyInitializer(keras.initializers.Initializer):
    """Initializer that allocates without writing."""

    def __call__(self, shape: Shape, dtype: str | None = None) -> Tensor:
        import tensorflow as tf

        return tf.raw_ops.Empty(shape=shape, dtype=dtype or "float32", init=False)


def mark_as_table(variable: keras.Variable) -> keras.Variable:
    """Mark `variable` [rows, d] as an embedding table, of which a step uses few rows, and return it.

    Optimizers check the mark with `is_table`.
    """
    variable.is_table = True
    return variable


def is_table(variable: keras.Variable) -> bool:
    """Return whether `variable` is marked as an embedding table."""
    return getattr(variable, "is_table", False)
