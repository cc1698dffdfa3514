"""Values of rows become arrays of a model's dtypes."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from interestflow.serving.client.client_error import ClientError
from interestflow.serving.client.values import as_list, as_single, is_missing, missing_value, to_column


@pytest.mark.parametrize("value", [None, "", b"", math.nan, np.nan, np.float32("nan")])
def test_what_counts_as_missing(value: Any) -> None:
    assert is_missing(value)


@pytest.mark.parametrize("value", [0, 0.0, False, "0", b"\x00", " ", np.float32(0)])
def test_what_does_not(value: Any) -> None:
    assert not is_missing(value)


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("string", ["é", b"\xff", None, "", 5, 4.0, math.nan], ["é".encode(), b"\xff", b"", b"", b"5", b"4.0", b""]),
        ("int64", [1, "2", 3.0, None, "", True, np.int32(7), 2**62], [1, 2, 3, 0, 0, 1, 7, 2**62]),
        ("int32", [1, None], [1, 0]),
        ("uint8", [255, None], [255, 0]),
        ("float32", [1, "2.5", None, "", Decimal("0.5"), np.float64(0.25)], [1, 2.5, math.nan, math.nan, 0.5, 0.25]),
        ("float64", [0.1], [0.1]),
        ("bool", [True, 0, None, np.True_], [True, False, False, True]),
    ],
)
def test_columns(dtype: str, values: list[Any], expected: list[Any]) -> None:
    column = to_column("x", dtype, values)
    assert column.dtype == (np.dtype(object) if dtype == "string" else np.dtype(dtype))
    np.testing.assert_array_equal(column, np.array(expected, column.dtype))


@pytest.mark.parametrize("dtype", ["string", "int64", "float32", "bool"])
def test_padding_is_what_a_missing_value_becomes(dtype: str) -> None:
    np.testing.assert_array_equal(to_column("x", dtype, [missing_value(dtype)]), to_column("x", dtype, [None]))


def test_a_column_without_rows() -> None:
    assert to_column("x", "string", []).shape == (0,)
    assert to_column("x", "float32", []).dtype == np.float32


@pytest.mark.parametrize(
    ("dtype", "values", "wrong"),
    [
        ("int64", [1, "old"], "'old'"),
        ("int64", [1, 2.5], "2.5"),
        ("int64", [2**63, 1], "9223372036854775808"),
        ("int64", [math.inf], "inf"),
        ("int32", [1, 2**31], "2147483648"),
        ("uint8", [1, -1], "-1"),
        ("float32", ["cheap"], "'cheap'"),
        ("float32", [[1.0]], r"\[1.0\]"),
        ("string", ["a", ["b"]], r"\['b'\]"),
        ("string", ["\ud800"], r"'\\ud800'"),
        ("bool", [2], "2"),
        ("bool", ["yes"], "'yes'"),
    ],
)
def test_a_value_of_another_dtype_is_named(dtype: str, values: list[Any], wrong: str) -> None:
    with pytest.raises(ClientError, match=f"^`x` should be {dtype}, received {wrong}$"):
        to_column("x", dtype, values)


@pytest.mark.parametrize("dtype", ["complex64", "bfloat16", "resource", "dtype 77", "invalid"])
def test_a_dtype_that_rows_cannot_hold_is_named(dtype: str) -> None:
    with pytest.raises(ClientError, match=f"`x` is {dtype}; rows can hold text, integers, floats and booleans"):
        to_column("x", dtype, [1])


def test_lists() -> None:
    assert as_list(None) == as_list(math.nan) == []
    assert as_list(["a", None]) == as_list(("a", None)) == ["a", None]
    assert as_list(np.array(["a", "b"])) == ["a", "b"]
    assert as_list(np.array([1, 2])) == [1, 2]
    assert as_list("alone") == ["alone"]
    assert as_list(np.int64(3)) == [3]


def test_single_values() -> None:
    assert as_single("x", "a") == "a"
    assert as_single("x", np.float32(0.5)) == 0.5
    assert as_single("x", np.array(3)) == 3
    for values in (["a", "b"], ("a",), np.array([1]), {"a": 1}):
        with pytest.raises(ClientError, match="`x` should be one value, received"):
            as_single("x", values)
