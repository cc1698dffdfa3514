"""Tensors become arrays as TensorFlow itself makes them, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from interestflow.serving.client import protocol_pb2
from interestflow.serving.client.arrays import dtype_name, fill_tensor_proto, to_array
from interestflow.serving.client.client_error import ClientError

ARRAYS = [
    *[np.array([[1, 0, 3], [4, 5, 100]], dtype) for dtype in ("int8", "int16", "int32", "int64")],
    *[np.array([1, 2, 200], dtype) for dtype in ("uint8", "uint16", "uint32", "uint64")],
    *[np.array([0.1, -2.5, np.inf, np.nan], dtype) for dtype in ("float16", "float32", "float64")],
    *[np.array([1 + 2j, -0.5j], dtype) for dtype in ("complex64", "complex128")],
    np.array([True, False]),
    np.array([-(2**63), 2**63 - 1]),
    np.array([2**64 - 1], np.uint64),
    np.array([[b"a", b"\xff\x00"], ["\u6771".encode(), b""]], object),
    np.float32(7.5),
    np.array(b"alone", object),
    np.zeros((1, 0), np.int64),
    np.zeros((0, 3), np.float32),
    np.zeros((2, 0), object),
]
NAMES = [f"{array.dtype}{list(np.shape(array))}" for array in ARRAYS]


def proto_of(array: Any) -> protocol_pb2.TensorProto:
    proto = protocol_pb2.TensorProto()
    fill_tensor_proto(proto, array)
    return proto


@pytest.mark.parametrize("array", ARRAYS, ids=NAMES)
def test_tensorflow_reads_what_is_written(array: Any) -> None:
    theirs = tensor_pb2.TensorProto.FromString(proto_of(array).SerializeToString())
    decoded = tf.make_ndarray(theirs)
    assert decoded.dtype == array.dtype
    assert decoded.shape == np.shape(array)
    np.testing.assert_array_equal(decoded, array)
    tensor = tf.io.parse_tensor(theirs.SerializeToString(), tf.as_dtype(theirs.dtype))  # its own kernel agrees
    np.testing.assert_array_equal(tensor.numpy(), array)


@pytest.mark.parametrize("array", ARRAYS, ids=NAMES)
def test_what_tensorflow_writes_is_read(array: Any) -> None:
    read = to_array("x", tf.make_tensor_proto(array))
    assert read.dtype == np.asarray(array).dtype
    np.testing.assert_array_equal(read, array)
    np.testing.assert_array_equal(to_array("x", proto_of(array)), array)


@pytest.mark.parametrize("array", [array for array in ARRAYS if array.dtype.kind != "O"], ids=str)
def test_content_as_it_lies_in_memory_is_read(array: Any) -> None:
    proto = protocol_pb2.TensorProto.FromString(tf.make_tensor_proto(array).SerializeToString())
    for field in ("float_val", "int_val", "int64_val", "half_val"):
        proto.ClearField(field)
    proto.tensor_content = np.asarray(array).tobytes()
    read = to_array("x", proto)
    np.testing.assert_array_equal(read, array)
    assert read.flags.writeable


@pytest.mark.parametrize(
    ("dtype", "fields", "shape", "expected"),
    [
        ("DT_FLOAT", {"float_val": [0.5]}, [2, 2], [[0.5, 0.5], [0.5, 0.5]]),
        ("DT_FLOAT", {"float_val": [1, 2]}, [4], [1, 2, 2, 2]),
        ("DT_FLOAT", {}, [2], [0, 0]),
        ("DT_INT64", {"int64_val": [1, 2, 3]}, [2], [1, 2]),
        ("DT_STRING", {"string_val": [b"a", b"b"]}, [3], [b"a", b"b", b"b"]),
        ("DT_STRING", {}, [2], [b"", b""]),
        ("DT_BOOL", {"bool_val": [True]}, [2], [True, True]),
        ("DT_COMPLEX64", {"scomplex_val": [1, 2]}, [2], [1 + 2j, 1 + 2j]),
        ("DT_BFLOAT16", {"half_val": [0x3F80, 0x4040]}, [3], [1.0, 3.0, 3.0]),
        ("DT_FLOAT", {"float_val": [4]}, [], 4.0),
    ],
)  # fmt: skip
def test_the_last_value_stands_for_those_that_follow(dtype: str, fields: dict, shape: list, expected: Any) -> None:
    proto = protocol_pb2.TensorProto(dtype=dtype, **fields)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    read = to_array("x", proto)
    np.testing.assert_array_equal(read, np.array(expected, read.dtype))
    assert read.shape == np.shape(expected)
    kernel = tf.io.parse_tensor(proto.SerializeToString(), getattr(tf, dtype[3:].lower().replace("float", "float32")
                                if dtype == "DT_FLOAT" else dtype[3:].lower()))  # fmt: skip
    np.testing.assert_array_equal(np.asarray(kernel.numpy(), read.dtype), read)


@pytest.mark.parametrize(
    ("proto", "says"),
    [
        ({"dtype": "DT_INVALID"}, "`y` should be numbers, booleans or text, received invalid"),
        ({"dtype": 77}, "`y` should be numbers, booleans or text, received dtype 77"),
        ({"dtype": "DT_RESOURCE"}, "received resource"),
        ({"dtype": "DT_FLOAT", "tensor_shape": {"unknown_rank": True}}, "`y` should have a known shape"),
        ({"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": -1}]}}, "`y` should have a known shape"),
        ({"dtype": "DT_FLOAT", "tensor_content": b"123", "tensor_shape": {"dim": [{"size": 1}]}},
         r"`y` should have 4 bytes for its shape, \[1\], received 3"),
    ],
)  # fmt: skip
def test_a_tensor_that_cannot_be_read_is_named(proto: dict, says: str) -> None:
    with pytest.raises(ClientError, match=says):
        to_array("y", protocol_pb2.TensorProto(**proto))


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.array([1, 2], "datetime64[s]"), "should hold numbers, booleans or text, received one of dtype datetime64"),
        (np.array([b"a", 3], object), "should hold text or bytes, received 3"),
        (np.array(["\ud800"], object), "should hold text or bytes, received '.ud800'"),
    ],
)
def test_an_array_that_no_tensor_can_hold_is_named(array: np.ndarray, says: str) -> None:
    with pytest.raises(ClientError, match=says):
        proto_of(array)


def test_text_becomes_utf_8() -> None:
    assert list(proto_of(np.array(["é", "a"])).string_val) == ["é".encode(), b"a"]
    assert list(proto_of(np.array(["é", b"\xff"], object)).string_val) == ["é".encode(), b"\xff"]


def test_lists_are_arrays_too() -> None:
    assert list(proto_of([b"ends in zero\x00", b"\xff"]).string_val) == [b"ends in zero\x00", b"\xff"]
    np.testing.assert_array_equal(to_array("x", proto_of([[1, 2], [3, 4]])), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(to_array("x", proto_of([0.5])), [0.5])
    with pytest.raises(ClientError, match="rows of equal lengths"):
        proto_of([[1, 2], [3]])


def test_every_dtype_has_tensorflows_name() -> None:
    for name, value in types_pb2.DataType.items():
        if value in range(1, 24) or value in range(101, 124):
            assert dtype_name(value) == tf.as_dtype(value).name, name
    assert dtype_name(0) == "invalid"
    assert dtype_name(99) == "dtype 99"
    assert dtype_name(24) == "dtype 24"
