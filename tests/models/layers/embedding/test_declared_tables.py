"""Tables that are declared but not allocated, and the mark of an embedding table."""

from __future__ import annotations

import keras
import pytest

from interestflow.models.layers.embedding.declared_tables import (
    declare_table,
    declare_tables,
    empty_tables,
    is_table,
    mark_as_table,
    rows_to_allocate,
)
from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.layers.embedding.quotient_remainder import QuotientRemainderTable


def build(layer: EmbeddingTable) -> EmbeddingTable:
    layer.build()
    return layer


def test_tables_inside_have_one_row_and_are_recorded_with_all() -> None:
    with declare_tables() as tables:
        plain = build(EmbeddingTable(1000, 4, name="item"))
        compact = build(QuotientRemainderTable(1000, 2, buckets=32, name="user"))
    assert plain.table.shape == (1, 4)
    assert compact.quotient.shape == compact.remainder.shape == (1, 2)
    recorded = [(table.name, table.rows, table.width) for table in tables]
    assert recorded == [("item", 1000, 4), ("user quotient", 32, 2), ("user remainder", 32, 2)]
    assert tables[0].variable is plain.table


def test_tables_outside_are_allocated_and_not_recorded() -> None:
    with declare_tables() as tables:
        assert rows_to_allocate(7) == 1
    assert rows_to_allocate(7) == 7
    layer = build(EmbeddingTable(7, 2))
    declare_table("item", 7, layer.table)
    assert layer.table.shape == (7, 2)
    assert tables == []


def test_an_error_inside_ends_the_declaration() -> None:
    with pytest.raises(ValueError, match="`rows`"), declare_tables():
        EmbeddingTable(0, 2)
    assert rows_to_allocate(7) == 7


def test_the_mark_of_a_table() -> None:
    variable = keras.Variable([[1.0]])
    assert not is_table(variable)
    assert mark_as_table(variable) is variable
    assert is_table(variable)


def test_empty_tables_have_their_shape_and_nothing_writes_their_values() -> None:
    written: list[object] = []

    class Ones(keras.initializers.Ones):
        def __call__(self, shape: object, dtype: object = None) -> object:
            written.append(shape)
            return super().__call__(shape, dtype)

    with empty_tables():
        empty = build(EmbeddingTable(7, 2, initializer=Ones()))
    assert (empty.table.shape, empty.table.dtype, is_table(empty.table), written) == ((7, 2), "float32", True, [])
    full = build(EmbeddingTable(7, 2, initializer=Ones()))
    assert (full.table.shape, written) == ((7, 2), [(7, 2)])
