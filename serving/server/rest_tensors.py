"""Tensors of a REST `predict` body, read with TensorFlow Serving's rules and words, and the body of its answer."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2

from serving.server.errors import ServingError, invalid
from serving.server.rest_json import (
    TOO_BIG,
    MismatchError,
    decode_base64,
    encode_text,
    format_error,
    is_base64,
    is_too_big,
    show,
    type_name,
    write_array,
    write_list,
    write_object,
    write_rows,
)
from serving.server.tensors import MAX_AXES

_FLOATS = {types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE}
# Least and greatest number of each type. TensorFlow Serving reads the small ones as int32, so that 256 is 0 as uint8.
_INT32 = (-(2**31), 2**31 - 1)
_RANGES = {
    types_pb2.DT_INT8: _INT32, types_pb2.DT_UINT8: _INT32, types_pb2.DT_INT16: _INT32, types_pb2.DT_INT32: _INT32,
    types_pb2.DT_INT64: (-(2**63), 2**63 - 1), types_pb2.DT_UINT32: (0, 2**32 - 1), types_pb2.DT_UINT64: (0, 2**64 - 1),
}  # fmt: skip
_NAMES = {types_pb2.DT_FLOAT: "float", types_pb2.DT_DOUBLE: "double"}


def read_inputs(body: dict[str, Any], inputs: Mapping[str, Any]) -> tuple[dict[str, tensor_pb2.TensorProto], bool]:
    """Return the tensors of a `predict` body, and whether it has them by row (`instances`).

    Args:
        body: as parsed.
        inputs: TensorInfo of each of the signature's inputs.

    Raises:
        ServingError: INVALID_ARGUMENT, naming the element that is wrong; UNIMPLEMENTED for a type without JSON.
    """
    dtypes = {name: inputs[name].dtype for name in sorted(inputs)}
    for name, dtype in dtypes.items():
        if dtype not in _RANGES and dtype not in _FLOATS and dtype not in (types_pb2.DT_STRING, types_pb2.DT_BOOL):
            raise ServingError(
                grpc.StatusCode.UNIMPLEMENTED, f"Conversion of JSON to type: {_name(dtype)}, of input {name}"
            )
    if "instances" not in body:
        if "inputs" not in body:
            raise invalid("Missing 'inputs' or 'instances' key")
        return _read_columns(body["inputs"], dtypes), False
    if "inputs" in body:
        raise format_error(body, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ")
    rows = body["instances"]
    if not isinstance(rows, list):
        raise format_error(body, "Expecting 'instances' to be an list/array")
    if not rows:
        raise format_error(body, "No values in 'instances' array")
    return _read_rows(rows, dtypes), True


def write_outputs(outputs: Mapping[str, np.ndarray], by_row: bool) -> bytes:
    """Return the body of an answer: `predictions` with an element for each row, or `outputs` with an array each.

    Raises:
        ServingError: INVALID_ARGUMENT for outputs by row that do not have one row each.
    """
    if not outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    arrays = {name: (array, array.dtype.kind == "O" and name.endswith("_bytes")) for name, array in outputs.items()}
    if not by_row:
        columns = {name: write_array(*array) for name, array in arrays.items()}
        return write_object({"outputs": write_object(columns) if len(columns) > 1 else next(iter(columns.values()))})
    _check_rows(outputs)
    rows = {name: write_rows(*array) for name, array in arrays.items()}
    if len(rows) == 1:
        return write_object({"predictions": write_list(next(iter(rows.values())))})
    items = (write_object(dict(zip(rows, row, strict=True))) for row in zip(*rows.values(), strict=True))
    return write_object({"predictions": write_list(items)})


def _check_rows(outputs: Mapping[str, np.ndarray]) -> None:
    count = 0
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if len(array) == 0:
            raise invalid(f"Tensor name: {name} has invalid batch size: 0")
        if count not in (0, len(array)):
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {count}")
        count = len(array)


def _read_columns(value: Any, dtypes: Mapping[str, int]) -> dict[str, tensor_pb2.TensorProto]:
    if not isinstance(value, dict) or is_base64(value):
        if len(dtypes) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        value = {next(iter(dtypes)): value}
    tensors = {}
    for name, dtype in dtypes.items():
        if name not in value:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
        try:
            tensors[name] = _read_tensor(value[name], dtype)
        except MismatchError as error:
            raise invalid(str(error)) from None
    return tensors


def _read_rows(rows: list[Any], dtypes: Mapping[str, int]) -> dict[str, tensor_pb2.TensorProto]:
    if not isinstance(rows[0], dict) and len(dtypes) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    try:
        if not _is_named(rows[0]):
            if any(map(_is_named, rows)):
                raise MismatchError
            return {name: _read_tensor(rows, dtype) for name, dtype in dtypes.items()}
        if not all(isinstance(row, dict) and row.keys() == dtypes.keys() for row in rows):
            raise MismatchError
        return {name: _read_tensor([row[name] for row in rows], dtype) for name, dtype in dtypes.items()}
    except MismatchError as error:
        for index, row in enumerate(rows):  # where the columns do not fit, the row to blame is looked for
            _check_row(index, row, rows[0], dtypes)
        raise invalid(f"Failed to process 'instances' list. Error: INVALID_ARGUMENT: {error}") from None


def _is_named(row: Any) -> bool:
    return isinstance(row, dict) and not is_base64(row)


def _check_row(index: int, row: Any, first: Any, dtypes: Mapping[str, int]) -> None:
    if not _is_named(first):
        if _is_named(row):
            raise invalid(f"Expecting value/list but got object at item {index} of input list")
        name, dtype = next(iter(dtypes.items()))
        problem = _row_problem(row, first, dtype)
        if problem is not None:
            raise invalid(f"Failed to process element: {index} of 'instances' list. Error: INVALID_ARGUMENT: {problem}")
        return
    if not _is_named(row):
        raise invalid(f"Expecting object but got list at item {index} of input list")
    for name, value in row.items():
        if name not in dtypes:
            problem = f"JSON object: does not have named input: {name}"
        else:
            problem = _row_problem(value, first.get(name, value), dtypes[name])
        if problem is not None:
            raise invalid(
                f"Failed to process element: {index} key: {name} of 'instances' list. Error: INVALID_ARGUMENT: "
                f"{problem}"
            )
    if row.keys() != dtypes.keys():
        raise invalid(
            f"Failed to process element: {index} of 'instances' list. JSON object: {show(row)} keys must be equal to: "
            f"{','.join(dtypes)}"
        )


def _row_problem(value: Any, first: Any, dtype: int) -> str | None:
    """What is wrong with a row's value, alone and beside that of the first row."""
    try:
        shape = [dim.size for dim in _read_tensor(value, dtype).tensor_shape.dim]
    except MismatchError as error:
        return str(error)
    expected = _shape(first)
    size, expected_size = int(np.prod(shape, dtype=np.int64)), int(np.prod(expected, dtype=np.int64))
    if size != expected_size:
        return f"Expecting tensor size: {expected_size} but got: {size}"
    if shape != expected:
        return f"Expecting shape {_shown(expected)} but got: {_shown(shape)}"
    return None


def _read_tensor(value: Any, dtype: int) -> tensor_pb2.TensorProto:
    """Return the tensor of a value, which is one element or lists within lists."""
    shape = _shape(value)
    if len(shape) > MAX_AXES:
        raise MismatchError(f"lists should be nested at most {MAX_AXES} deep")
    proto = tensor_pb2.TensorProto(dtype=dtype)
    proto.tensor_shape.dim.extend(tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in shape)
    elements = _flatten(value, shape)
    if elements is not None and dtype == types_pb2.DT_STRING:
        texts = _strings(elements)
        if texts is not None:
            proto.string_val.extend(texts)
            return proto
    elif elements is not None:
        array = _numbers(elements, dtype)
        if array is not None:
            proto.tensor_content = array.tobytes()
            return proto
    raise MismatchError(_problem(value, 0, shape, dtype) or f"expected values of type: {_name(dtype)}")


def _shape(value: Any) -> list[int]:
    """Lengths of the lists at the beginning of each level."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return shape


def _flatten(value: Any, shape: list[int]) -> list[Any] | None:
    """All elements below lists of the given lengths, or None where a list has another length."""
    level = [value]
    for size in shape:
        if not all(type(each) is list and len(each) == size for each in level):
            return None
        level = list(chain.from_iterable(level))
    return level


def _strings(values: list[Any]) -> list[bytes] | None:
    """The values as bytes, or None where one of them is neither text nor an object."""
    if set(map(type, values)) <= {str}:
        return list(map(encode_text, values))
    if not all(isinstance(value, str | dict) for value in values):
        return None
    return [encode_text(value) if isinstance(value, str) else decode_base64(value) for value in values]


def _numbers(values: list[Any], dtype: int) -> np.ndarray | None:
    """The values as an array, or None where one of them is not of the type."""
    types = set(map(type, values))
    if dtype == types_pb2.DT_BOOL:
        return np.array(values, bool) if types <= {bool} else None
    numpy_dtype = tf.as_dtype(dtype).as_numpy_dtype
    if dtype in _RANGES:
        lowest, highest = _RANGES[dtype]
        if not types <= {int} or (values and not lowest <= min(values) <= max(values) <= highest):
            return None
        return np.array(values, np.uint64 if highest >= 2**63 else np.int64).astype(numpy_dtype)
    if not types <= {int, float}:
        return None
    try:
        array = np.array(values, np.float64)
    except OverflowError:  # an integer beyond the doubles
        raise invalid(TOO_BIG) from None
    if np.isinf(array).any() and any(map(is_too_big, values)):
        raise invalid(TOO_BIG)
    with np.errstate(over="ignore"):  # beyond the floats a double is infinite
        return array.astype(numpy_dtype)


def _problem(value: Any, level: int, shape: list[int], dtype: int) -> str | None:
    """What TensorFlow Serving says of the first element that is wrong."""
    if isinstance(value, list):
        if level >= len(shape):
            return f"Encountered list at unexpected level: {level} expected < {len(shape)}"
        if len(value) != shape[level]:
            return f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        for each in value:
            problem = _problem(each, level + 1, shape, dtype)
            if problem is not None:
                return problem
        return None
    if level != len(shape):
        return (
            f"JSON Value: {show(value)} found at incorrect level: {level + 1} in the JSON DOM. Expected at level: "
            f"{len(shape)}"
        )
    try:
        is_right = (_strings([value]) if dtype == types_pb2.DT_STRING else _numbers([value], dtype)) is not None
    except MismatchError as error:
        return str(error)
    if is_right:
        return None
    return f"JSON Value: {show(value)} Type: {type_name(value)} is not of expected type: {_name(dtype)}"


def _name(dtype: int) -> str:
    """TensorFlow's name of a type."""
    return _NAMES.get(dtype) or str(tf.as_dtype(dtype).name)


def _shown(shape: list[int]) -> str:
    return f"[{','.join(map(str, shape))}]"
