"""JSON values as tensors: accepted types and shapes, and the messages for others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from interestflow.serving.server.errors import ServingError
from interestflow.serving.server.rest_json import MismatchError
from interestflow.serving.server.rest_values import read_tensor, shape_of
from interestflow.serving.server.tensors import MAX_AXES


def read(value: Any, dtype: int = types_pb2.DT_FLOAT) -> np.ndarray:
    return tf.make_ndarray(read_tensor(value, dtype))


def problem(value: Any, dtype: int = types_pb2.DT_FLOAT) -> str:
    with pytest.raises(MismatchError) as raised:
        read_tensor(value, dtype)
    return str(raised.value)


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        (types_pb2.DT_INT64, [2**63 - 1, -(2**63)], np.int64([2**63 - 1, -(2**63)])),
        (types_pb2.DT_UINT64, [2**64 - 1], np.uint64([2**64 - 1])),
        (types_pb2.DT_INT32, [2**31 - 1], np.int32([2**31 - 1])),
        (types_pb2.DT_UINT32, [2**32 - 1], np.uint32([2**32 - 1])),
        (types_pb2.DT_UINT8, [255, 256], np.uint8([255, 0])),  # read as int32, of which eight bits are left
        (types_pb2.DT_BOOL, [True, False], np.array([True, False])),
        (types_pb2.DT_FLOAT, [1e39, 2**70], np.float32([np.inf, 2**70])),
        (types_pb2.DT_DOUBLE, [0.1, 1], np.float64([0.1, 1])),
    ],
)
def test_types(dtype: int, value: Any, expected: np.ndarray) -> None:
    array = read(value, dtype)
    assert array.dtype == expected.dtype
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("dtype", "value", "shown"),
    [
        (types_pb2.DT_INT64, 2**63, "9223372036854775808 Type: Number is not of expected type: int64"),
        (types_pb2.DT_INT32, 2**31, "2147483648 Type: Number is not of expected type: int32"),
        (types_pb2.DT_INT64, 1.0, "1.0 Type: Number is not of expected type: int64"),
        (types_pb2.DT_UINT64, -1, "-1 Type: Number is not of expected type: uint64"),
        (types_pb2.DT_BOOL, 1, "1 Type: Number is not of expected type: bool"),
        (types_pb2.DT_FLOAT, True, "true Type: True is not of expected type: float"),
        (
            types_pb2.DT_FLOAT,
            {"b64": "YQ=="},
            '{\n    "b64": "YQ=="\n} Type: Object is not of expected type: float',
        ),
        (types_pb2.DT_DOUBLE, None, "null Type: Null is not of expected type: double"),
        (types_pb2.DT_STRING, 5, "5 Type: Number is not of expected type: string"),
    ],
)
def test_values_of_another_type(dtype: int, value: Any, shown: str) -> None:
    assert problem(value, dtype) == f"JSON Value: {shown}"


def test_texts() -> None:
    assert read(["a", {"b64": "/w=="}, "東"], types_pb2.DT_STRING).tolist() == [b"a", b"\xff", "東".encode()]
    assert problem(["a", {"b64": "!"}], types_pb2.DT_STRING) == "Unable to base64 decode"
    assert problem(["a", {"x": 1}, 1], types_pb2.DT_STRING) == (
        "JSON Value: 1 Type: Number is not of expected type: string"
    )


def test_shapes() -> None:
    assert read(1.5).shape == ()
    assert read([[1, 2], [3, 4], [5, 6]]).shape == (3, 2)
    assert read([[], []]).shape == (2, 0)
    assert shape_of([[[1], []], 2]) == [2, 2, 1]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1], [1, 2]], "Encountered list at unexpected size: 2 at level: 1 expected size: 1"),
        ([[], [1]], "Encountered list at unexpected size: 1 at level: 1 expected size: 0"),
        ([1, [2]], "Encountered list at unexpected level: 1 expected < 1"),
        ([[1], 2], "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
    ],
)
def test_lists_of_unequal_lengths(value: Any, message: str) -> None:
    assert problem(value) == message


def test_numbers_beyond_doubles() -> None:
    for too_large in (float("1e400"), 10**400):
        with pytest.raises(ServingError, match=r"JSON Parse error: Number too big to be stored in double\."):
            read([1.0, too_large])


def test_lists_within_lists_are_bounded() -> None:
    value: Any = 1.0
    for _ in range(MAX_AXES + 1):
        value = [value]
    assert problem(value) == f"lists should be nested at most {MAX_AXES} deep"
