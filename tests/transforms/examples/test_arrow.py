"""Conversion of series to Arrow columns of examples."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from interestflow.transforms.examples.arrow import single_values, to_arrow


def test_text_becomes_bytes_also_in_lists() -> None:
    assert to_arrow(pl.Series(["a", "é"])).to_pylist() == [b"a", "é".encode()]
    assert to_arrow(pl.Series([["a"], []], dtype=pl.List(pl.String))).to_pylist() == [[b"a"], []]
    assert to_arrow(pl.Series([1.5], dtype=pl.Float32)).type == pa.float32()


def test_single_values_are_lists_of_one() -> None:
    assert single_values(pa.array([3, 4])).to_pylist() == [[3], [4]]
    assert single_values(pa.array([], pa.int64())).to_pylist() == []
