"""Tensors of requests and answers equal those that TensorFlow itself reads and writes."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from interestflow.serving.server.tensors import check_dtype, decode, encode, shape_of
from tests.serving.server.checks import invalid_message

ARRAYS = [
    np.float32([[1.5, np.nan], [-np.inf, 3e38]]),
    np.float64([0.1, -0.1]),
    np.float16([0.5, 65504.0]),
    np.array([0.5, -2.0], ml_dtypes.bfloat16),
    np.int8([-128, 127]),
    np.int16([-32768, 32767]),
    np.int32([-(2**31), 2**31 - 1]),
    np.uint8([0, 255]),
    np.uint16([0, 65535]),
    np.int64([-(2**63), 2**63 - 1]),
    np.uint32([0, 2**32 - 1]),
    np.uint64([0, 2**64 - 1]),
    np.array([[True], [False]]),
    np.complex64([1 + 2j, -3j]),
    np.complex128([1 + 2j, -3j]),
    np.array([[b"a", "東京".encode()], [b"", b"\xff\xfe"]], object),
    np.float32(7.0),
    np.zeros((0, 3), np.float32),
    np.zeros((2, 0), object),
]


def name_of(array: np.ndarray) -> str:
    return f"{array.dtype}-{array.ndim}"


def as_message(*shape: int, dtype: int = types_pb2.DT_FLOAT, **fields: Any) -> tensor_pb2.TensorProto:
    proto = tensor_pb2.TensorProto(dtype=dtype, **fields)
    proto.tensor_shape.SetInParent()
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


@pytest.mark.parametrize("as_content", [False, True], ids=["values", "content"])
@pytest.mark.parametrize("array", ARRAYS, ids=name_of)
def test_every_dtype_there_and_back(array: np.ndarray, as_content: bool) -> None:
    proto = tensor_pb2.TensorProto()
    encode(array, proto, as_content)
    assert bool(proto.tensor_content) == (as_content and array.size > 0)
    decoded = decode("x", proto, shape_of("x", proto))
    assert (decoded.dtype, decoded.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(decoded, array)
    by_tensorflow = tf.io.parse_tensor(proto.SerializeToString(), tf.as_dtype(proto.dtype)).numpy()
    np.testing.assert_array_equal(by_tensorflow, array)


@pytest.mark.parametrize("array", ARRAYS, ids=name_of)
def test_what_tensorflow_writes_is_read(array: np.ndarray) -> None:
    dtype = tf.string if array.dtype == object else None
    proto = tf.make_tensor_proto(array, dtype, shape=array.shape)
    np.testing.assert_array_equal(decode("x", proto, shape_of("x", proto)), array)


@pytest.mark.parametrize(
    ("proto", "expected"),
    [
        (as_message(3, float_val=[1.0, 2.0]), [1.0, 2.0, 2.0]),
        (as_message(3, float_val=[1.0]), [1.0, 1.0, 1.0]),
        (as_message(2), [0.0, 0.0]),
        (as_message(2, float_val=[1.0, 2.0, 3.0]), [1.0, 2.0]),
        (as_message(3, dtype=types_pb2.DT_STRING, string_val=[b"a", b"b"]), [b"a", b"b", b"b"]),
        (as_message(2, dtype=types_pb2.DT_STRING), [b"", b""]),
        (as_message(1, dtype=types_pb2.DT_STRING, string_val=[b"a", b"b"]), [b"a"]),
        (as_message(2, dtype=types_pb2.DT_UINT8, int_val=[-1, 256]), [255, 0]),
        (as_message(2, dtype=types_pb2.DT_COMPLEX64, scomplex_val=[1.0, 2.0]), [1 + 2j, 1 + 2j]),
        (as_message(2, dtype=types_pb2.DT_STRING, tensor_content=b"\x01\x02abc"), [b"a", b"bc"]),
    ],
    ids=["few", "one", "none", "many", "few-texts", "no-texts", "many-texts", "wrapped", "pairs", "text-content"],
)  # fmt: skip
def test_other_numbers_of_values_are_read_as_tensorflow_reads_them(proto: Any, expected: list[Any]) -> None:
    assert decode("x", proto, shape_of("x", proto)).tolist() == expected
    by_tensorflow = tf.io.parse_tensor(proto.SerializeToString(), tf.as_dtype(proto.dtype)).numpy()
    assert by_tensorflow.tolist() == expected


@pytest.mark.parametrize(
    ("proto", "says"),
    [
        (as_message(2, tensor_content=b"abc"), "`x` should have 8 bytes of content for the shape [2], received 3"),
        (as_message(2, tensor_content=b"abcd"), "`x` should have 8 bytes of content for the shape [2], received 4"),
        (
            as_message(2, dtype=types_pb2.DT_STRING, tensor_content=b"\x01"),
            "`x` should have 2 lengths in its content, received 1",
        ),
        (
            as_message(1, dtype=types_pb2.DT_STRING, tensor_content=b"\xff" * 20),
            "`x` should have 1 lengths in its content, received 0",
        ),
        (
            as_message(1, dtype=types_pb2.DT_STRING, tensor_content=b"\x05abc"),
            "`x` should have 5 bytes of text in its content, received 3",
        ),
    ],
    ids=["short", "one-for-all", "no-length", "endless-length", "short-text"],
)
def test_content_that_does_not_fit(proto: Any, says: str) -> None:
    assert invalid_message(lambda: decode("x", proto, shape_of("x", proto))) == says


def test_shapes() -> None:
    assert shape_of("x", as_message(2, 0, 3)) == (2, 0, 3)
    assert shape_of("x", tensor_pb2.TensorProto()) == ()
    unknown = as_message()
    unknown.tensor_shape.unknown_rank = True
    assert shape_of("x", unknown) == ()
    assert "no negative sizes, received the shape [2, -1]" in invalid_message(lambda: shape_of("x", as_message(2, -1)))
    assert "at most 8 axes, received 9" in invalid_message(lambda: shape_of("x", as_message(*[1] * 9)))
    both = as_message(2)
    both.tensor_shape.unknown_rank = True
    assert "either a shape or an unknown rank" in invalid_message(lambda: shape_of("x", both))


@pytest.mark.parametrize(
    ("received", "expected", "says"),
    [
        (types_pb2.DT_DOUBLE, types_pb2.DT_FLOAT, "`x` should be DT_FLOAT, received DT_DOUBLE"),
        (0, types_pb2.DT_FLOAT, "`x` should be DT_FLOAT, received DT_INVALID"),
        (99, types_pb2.DT_FLOAT, "`x` should be DT_FLOAT, received 99"),
        (types_pb2.DT_RESOURCE, types_pb2.DT_RESOURCE, "`x` is DT_RESOURCE, of which a request cannot hold values"),
    ],
)
def test_other_dtypes(received: int, expected: int, says: str) -> None:
    assert invalid_message(lambda: check_dtype("x", as_message(dtype=received), expected)) == says
