"""Tensors of a request, checked before anything is allocated for them, and tensors of an answer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2

from serving.server.errors import invalid

MAX_ELEMENTS = 2**27
"""Of a tensor that a request asks for; a single value can stand for all of them and would cost nothing to send."""


def decoded(name: str, proto: tensor_pb2.TensorProto, info: Any) -> np.ndarray:
    """The array that `proto` holds, if it is what the signature's `info` (TensorInfo) asks for.

    Raises:
        ServingError: INVALID_ARGUMENT, naming the tensor, what was expected and what came.
    """
    if proto.dtype != info.dtype:
        received = types_pb2.DataType.Name(proto.dtype) if proto.dtype in types_pb2.DataType.values() else proto.dtype
        raise invalid(f"`{name}` should be {types_pb2.DataType.Name(info.dtype)}, received {received}")
    if proto.tensor_shape.unknown_rank:
        raise invalid(f"`{name}` should have a shape, received one of unknown rank")
    shape = [dimension.size for dimension in proto.tensor_shape.dim]
    expected = shape_of(info.tensor_shape)
    if not _fits(shape, expected):
        raise invalid(f"`{name}` should have the shape {_shown(expected)}, received {_shown(shape)}")
    size = math.prod(shape)
    if size > MAX_ELEMENTS:
        raise invalid(f"`{name}` should have at most {MAX_ELEMENTS:,} elements, received {size:,}")
    dtype = tf.as_dtype(proto.dtype)
    if dtype == tf.string:
        return _strings(name, proto, shape, size)
    numpy_dtype = dtype.as_numpy_dtype
    if proto.tensor_content:
        expected_bytes = size * np.dtype(numpy_dtype).itemsize
        if len(proto.tensor_content) != expected_bytes:
            raise invalid(
                f"`{name}` should have {expected_bytes:,} bytes of content for the shape {_shown(shape)}, "
                f"received {len(proto.tensor_content):,}"
            )
        return np.frombuffer(proto.tensor_content, numpy_dtype).reshape(shape)
    field = _FIELDS.get(proto.dtype)
    if field is None:
        raise invalid(f"`{name}` should carry its values as tensor_content for {dtype.name}")
    values = getattr(proto, field)
    _check_count(name, len(values), size, shape)
    try:
        array = np.fromiter(values, numpy_dtype, len(values))
    except OverflowError:
        raise invalid(f"`{name}` should have values of {dtype.name}, received one out of its range") from None
    return _filled(array, size).reshape(shape)


def encoded(value: Any) -> tensor_pb2.TensorProto:
    """An array or a tensor as a message; numbers as their bytes."""
    array = np.asarray(value)
    if array.dtype.kind in "OSU":
        return tf.make_tensor_proto(array)
    shape = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=n) for n in array.shape])
    dtype = tf.as_dtype(array.dtype).as_datatype_enum
    return tensor_pb2.TensorProto(dtype=dtype, tensor_shape=shape, tensor_content=array.tobytes())


def shape_of(proto: Any) -> list[int] | None:
    """Sizes of the axes, -1 for any; None for any rank."""
    return None if proto.unknown_rank else [dimension.size for dimension in proto.dim]


_FIELDS = {
    types_pb2.DT_FLOAT: "float_val", types_pb2.DT_DOUBLE: "double_val", types_pb2.DT_INT32: "int_val",
    types_pb2.DT_INT16: "int_val", types_pb2.DT_INT8: "int_val", types_pb2.DT_UINT8: "int_val",
    types_pb2.DT_UINT16: "int_val", types_pb2.DT_INT64: "int64_val", types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_UINT32: "uint32_val", types_pb2.DT_UINT64: "uint64_val",
}  # fmt: skip


def _strings(name: str, proto: tensor_pb2.TensorProto, shape: list[int], size: int) -> np.ndarray:
    if proto.tensor_content:
        raise invalid(f"`{name}` should carry its texts as string_val, received tensor_content")
    _check_count(name, len(proto.string_val), size, shape)
    array = np.empty(len(proto.string_val), object)
    array[:] = list(proto.string_val)
    return _filled(array, size).reshape(shape)


def _check_count(name: str, count: int, size: int, shape: list[int]) -> None:
    """A single value stands for all; otherwise there is one an element."""
    if count != size and not (count == 1 and size > 1):
        raise invalid(f"`{name}` should have {size:,} values for the shape {_shown(shape)}, received {count:,}")


def _filled(array: np.ndarray, size: int) -> np.ndarray:
    return np.repeat(array, size) if len(array) == 1 and size > 1 else array


def _fits(shape: list[int], expected: list[int] | None) -> bool:
    if any(size < 0 for size in shape):
        return False
    if expected is None:
        return True
    return len(shape) == len(expected) and all(
        size == wanted or wanted == -1 for size, wanted in zip(shape, expected, strict=True)
    )


def _shown(shape: list[int] | None) -> str:
    return "of any rank" if shape is None else "[" + ", ".join("?" if n == -1 else str(n) for n in shape) + "]"
