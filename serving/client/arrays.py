"""Conversion between TensorProto and NumPy arrays, as TensorFlow does it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interestflow.serving.client import protocol_pb2
from interestflow.serving.client.client_error import ClientError

_FIELDS: dict[int, tuple[str, str]] = {
    protocol_pb2.DT_FLOAT: ("float32", "float_val"),
    protocol_pb2.DT_DOUBLE: ("float64", "double_val"),
    protocol_pb2.DT_HALF: ("float16", "half_val"),
    protocol_pb2.DT_INT8: ("int8", "int_val"),
    protocol_pb2.DT_INT16: ("int16", "int_val"),
    protocol_pb2.DT_INT32: ("int32", "int_val"),
    protocol_pb2.DT_INT64: ("int64", "int64_val"),
    protocol_pb2.DT_UINT8: ("uint8", "int_val"),
    protocol_pb2.DT_UINT16: ("uint16", "int_val"),
    protocol_pb2.DT_UINT32: ("uint32", "uint32_val"),
    protocol_pb2.DT_UINT64: ("uint64", "uint64_val"),
    protocol_pb2.DT_COMPLEX64: ("complex64", "scomplex_val"),
    protocol_pb2.DT_COMPLEX128: ("complex128", "dcomplex_val"),
    protocol_pb2.DT_BOOL: ("bool", "bool_val"),
    protocol_pb2.DT_STRING: ("object", "string_val"),
}
"""NumPy's dtype and the field of the values, by TensorFlow's dtype."""
_NAMES = {
    dtype_number: {"DT_HALF": "float16", "DT_FLOAT": "float32", "DT_DOUBLE": "float64"}.get(name, name[3:].lower())
    for name, dtype_number in protocol_pb2.DataType.items()
}
_NUMBERS = {np.dtype(name): dtype_number for dtype_number, (name, _) in _FIELDS.items()}
_PARTS: dict[np.dtype, np.dtype] = {
    np.dtype("complex64"): np.dtype("float32"),
    np.dtype("complex128"): np.dtype("float64"),
}
_BFLOAT16 = protocol_pb2.DT_BFLOAT16
_OBJECT = "O"
_REFERENCE = 100
"""Offset that TensorFlow adds to the number of a dtype for a reference to it."""


def dtype_name(dtype_number: int) -> str:
    """Return TensorFlow's name of a dtype, such as "float32" or "string"; "dtype 99" for a number without a name."""
    if dtype_number > _REFERENCE and dtype_number - _REFERENCE in _NAMES:
        return f"{_NAMES[dtype_number - _REFERENCE]}_ref"
    return _NAMES.get(dtype_number, f"dtype {dtype_number}")


def fill_tensor_proto(proto: protocol_pb2.TensorProto, values: np.ndarray | Sequence[Any]) -> None:
    """Write an array into an empty TensorProto.

    Args:
        proto: TensorProto of this package or TensorFlow's own.
        values: array, or lists of equal lengths, of numbers, booleans, or text as `str` or bytes; text that is `str`
            becomes UTF-8.

    Raises:
        ClientError: for an array of another dtype.
    """
    array = _as_array(values)
    dtype_number: int
    if array.dtype.kind in "USO":
        dtype_number, flat = protocol_pb2.DT_STRING, _as_bytes(array)
    elif array.dtype in _NUMBERS:
        dtype_number, flat = _NUMBERS[array.dtype], _as_numbers(array)
    else:
        raise ClientError(f"an array should hold numbers, booleans or text, received one of dtype {array.dtype}")
    proto.dtype = dtype_number  # type: ignore[assignment]  # any number of an enumeration is accepted
    proto.tensor_shape.SetInParent()  # the shape of a scalar has no axes, but it is set
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    getattr(proto, _FIELDS[dtype_number][1]).extend(flat)


def fill_inputs(request: protocol_pb2.PredictRequest, arrays: Mapping[str, np.ndarray]) -> None:
    """Write the inputs of a PredictRequest, this package's or TensorFlow Serving's own.

    Raises:
        ClientError: for an array that `fill_tensor_proto` refuses.
    """
    for name, array in arrays.items():
        fill_tensor_proto(request.inputs[name], array)


def to_array(name: str, proto: protocol_pb2.TensorProto) -> np.ndarray:
    """Convert a TensorProto to an array of the same shape; text stays bytes, bfloat16 becomes float32.

    As in TensorFlow, the last value is repeated for those that are not given, a tensor without any values holds zeros
    or empty text, and values beyond the shape are ignored.

    Args:
        name: name of the tensor, for errors.
        proto: TensorProto, this package's or TensorFlow's own.

    Raises:
        ClientError: for a dtype without an equivalent in NumPy, and for a shape that is not known or does not hold the
            content.
    """
    is_bfloat16 = proto.dtype == _BFLOAT16
    if proto.dtype not in _FIELDS and not is_bfloat16:
        raise ClientError(f"`{name}` should be numbers, booleans or text, received {dtype_name(proto.dtype)}")
    shape = tuple(dimension.size for dimension in proto.tensor_shape.dim)
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise ClientError(f"`{name}` should have a known shape, received one that is not")
    dtype_text, field = ("uint16", "half_val") if is_bfloat16 else _FIELDS[proto.dtype]
    dtype, count = np.dtype(dtype_text), math.prod(shape)
    if proto.tensor_content:
        if len(proto.tensor_content) != count * dtype.itemsize or dtype.kind == _OBJECT:
            raise ClientError(
                f"`{name}` should have {count * dtype.itemsize} bytes for its shape, {list(shape)}, "
                f"received {len(proto.tensor_content)}"
            )
        flat = np.frombuffer(proto.tensor_content, dtype).copy()
    else:
        flat = _extend(_field_values(getattr(proto, field), dtype), count)
    if is_bfloat16:
        flat = (flat.astype(np.uint32) << 16).view(np.float32)
    return flat.reshape(shape)


def _as_array(values: Any) -> np.ndarray:
    if isinstance(values, np.ndarray | np.generic):
        return np.asarray(values)
    # Without a dtype, text would get one of fixed width, which drops zero bytes at the end.
    objects = np.array(values, object)
    if any(isinstance(value, str | bytes) for value in objects.ravel()[:1]):
        return objects
    try:
        return np.asarray(values)
    except ValueError:
        raise ClientError("an array should have rows of equal lengths, received lists of different ones") from None


def _as_bytes(array: np.ndarray) -> list[Any]:
    values = array.ravel().tolist()
    try:
        return [value if isinstance(value, bytes) else value.encode() for value in values]
    except (AttributeError, UnicodeEncodeError):
        wrong = next(value for value in values if not isinstance(value, bytes) and not _is_utf8(value))
        raise ClientError(f"an array of text should hold text or bytes, received {wrong!r}") from None


def _is_utf8(value: Any) -> bool:
    try:
        value.encode()
    except (AttributeError, UnicodeEncodeError):
        return False
    return True


def _as_numbers(array: np.ndarray) -> list[Any]:
    flat = np.ascontiguousarray(array).ravel()
    if flat.dtype == np.float16:
        flat = flat.view(np.uint16)
    elif flat.dtype in _PARTS:
        flat = flat.view(_PARTS[flat.dtype])
    values: list[Any] = flat.tolist()
    return values


def _field_values(values: Sequence[Any], dtype: np.dtype) -> np.ndarray:
    if dtype.kind == _OBJECT:
        array = np.empty(len(values), object)
        array[:] = list(values)
        return array
    if dtype in _PARTS:
        pairs = np.array(values, _PARTS[dtype])
        return pairs[: len(pairs) // 2 * 2].view(dtype)
    if dtype == np.float16:
        return np.array(values, np.int64).astype(np.uint16).view(np.float16)
    # The 32 bits of a field may hold more than a type of 8 or 16 bits; like TensorFlow, keep the low ones.
    return np.array(values, np.int64).astype(dtype) if dtype.itemsize < 4 else np.array(values, dtype)


def _extend(values: np.ndarray, count: int) -> np.ndarray:
    """Return `count` values: the last is repeated where there are fewer, those beyond are dropped."""
    if len(values) >= count:
        return values[:count]
    if not len(values):
        return np.full(count, b"", object) if values.dtype.kind == _OBJECT else np.zeros(count, values.dtype)
    return np.concatenate([values, np.repeat(values[-1:], count - len(values))])
