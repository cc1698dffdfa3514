"""JSON values as tensors, with TensorFlow Serving's rules for types and shapes, and its messages for violations."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2

from interestflow.serving.server.rest_json import (
    MismatchError,
    decode_base64,
    encode_text,
    show,
    to_doubles,
    type_name,
)
from interestflow.serving.server.tensors import MAX_AXES

_FLOATS = {types_pb2.DT_FLOAT: "float", types_pb2.DT_DOUBLE: "double"}
# The lowest and the highest number of each dtype. TensorFlow Serving reads small integers as int32 and keeps their
# lowest bits, so that 256 becomes 0 as uint8.
_INT32 = (-(2**31), 2**31 - 1)
_RANGES = {
    types_pb2.DT_INT8: _INT32, types_pb2.DT_UINT8: _INT32, types_pb2.DT_INT16: _INT32, types_pb2.DT_INT32: _INT32,
    types_pb2.DT_INT64: (-(2**63), 2**63 - 1), types_pb2.DT_UINT32: (0, 2**32 - 1), types_pb2.DT_UINT64: (0, 2**64 - 1),
}  # fmt: skip
DTYPES = {*_FLOATS, *_RANGES, types_pb2.DT_STRING, types_pb2.DT_BOOL}
"""The dtypes that have a form in JSON."""


def read_tensor(value: Any, dtype: int) -> tensor_pb2.TensorProto:
    """Return the tensor of a JSON value: a single element, or lists within lists.

    Raises:
        MismatchError: for lists of unequal lengths, and elements that do not become `dtype`, one of `DTYPES`.
        ServingError: for a number beyond the doubles.
    """
    shape = shape_of(value)
    if len(shape) > MAX_AXES:
        raise MismatchError(f"lists should be nested at most {MAX_AXES} deep")
    proto = tensor_pb2.TensorProto(dtype=dtype)
    proto.tensor_shape.dim.extend(tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in shape)
    elements = _flatten(value, shape)
    if elements is None or not _fit(elements, dtype):
        raise MismatchError(_find_problem(value, 0, shape, dtype) or "the value has no tensor")
    if dtype == types_pb2.DT_STRING:
        proto.string_val.extend(_to_strings(elements))
    else:
        proto.tensor_content = _to_numbers(elements, dtype).tobytes()
    return proto


def shape_of(value: Any) -> list[int]:
    """Return the length of the first list at each level."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return shape


def dtype_name(dtype: int) -> str:
    """Return TensorFlow's name of a dtype, such as float or int64."""
    return _FLOATS.get(dtype) or str(tf.as_dtype(dtype).name)


def _flatten(value: Any, shape: list[int]) -> list[Any] | None:
    """Return all elements, or None where a list does not have the length of the first list at its level."""
    level = [value]
    for size in shape:
        if not all(type(element) is list and len(element) == size for element in level):
            return None
        level = list(chain.from_iterable(level))
    return level


def _fit(elements: list[Any], dtype: int) -> bool:
    """Tell whether all elements have JSON types that become `dtype`; objects are decoded later."""
    types = set(map(type, elements))
    if dtype == types_pb2.DT_STRING:
        return types <= {str, dict}
    if dtype == types_pb2.DT_BOOL:
        return types <= {bool}
    if dtype in _FLOATS:
        return types <= {int, float}
    lowest, highest = _RANGES[dtype]
    return types <= {int} and (not elements or (lowest <= min(elements) and max(elements) <= highest))


def _to_strings(elements: list[Any]) -> list[bytes]:
    return [encode_text(element) if type(element) is str else decode_base64(element) for element in elements]


def _to_numbers(elements: list[Any], dtype: int) -> np.ndarray:
    numpy_dtype = tf.as_dtype(dtype).as_numpy_dtype
    if dtype in _FLOATS:
        with np.errstate(over="ignore"):  # a double that no float can hold becomes infinite
            return to_doubles(elements).astype(numpy_dtype)
    wide = np.uint64 if dtype == types_pb2.DT_UINT64 else np.int64
    return np.array(elements, wide).astype(numpy_dtype)


def _find_problem(value: Any, level: int, shape: list[int], dtype: int) -> str | None:
    """Return what TensorFlow Serving says of the first element that is wrong."""
    if isinstance(value, list):
        if level >= len(shape):
            return f"Encountered list at unexpected level: {level} expected < {len(shape)}"
        if len(value) != shape[level]:
            return f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        for element in value:
            problem = _find_problem(element, level + 1, shape, dtype)
            if problem is not None:
                return problem
        return None
    if level != len(shape):
        return (
            f"JSON Value: {show(value)} found at incorrect level: {level + 1} in the JSON DOM. Expected at level: "
            f"{len(shape)}"
        )
    if _fit([value], dtype):
        return None
    return f"JSON Value: {show(value)} Type: {type_name(value)} is not of expected type: {dtype_name(dtype)}"
