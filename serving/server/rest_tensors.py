"""Bodies of REST `predict` requests, with tensors by row or by column, and the bodies of their answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
from tensorflow.core.framework import tensor_pb2

from interestflow.serving.server.errors import ServingError, invalid
from interestflow.serving.server.rest_json import (
    MismatchError,
    format_error,
    is_base64,
    show,
    write_array,
    write_list,
    write_object,
    write_rows,
)
from interestflow.serving.server.rest_values import DTYPES, dtype_name, read_tensor, shape_of

PLAIN_LIST = "is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map"
PLAIN_VALUE = "is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"


def read_inputs(
    body: dict[str, Any], inputs: Mapping[str, Any], max_rows: int = 10_000
) -> tuple[dict[str, tensor_pb2.TensorProto], bool]:
    """Return the tensors of a `predict` body, and whether it has them by row (`instances`).

    Args:
        body: the parsed body.
        inputs: TensorInfo of each of the signature's inputs.
        max_rows: most rows of `instances`.

    Raises:
        ServingError: INVALID_ARGUMENT, naming the element that is wrong, or UNIMPLEMENTED for an input whose dtype has
            no form in JSON.
    """
    dtypes = {name: inputs[name].dtype for name in sorted(inputs)}
    for name, dtype in dtypes.items():
        if dtype not in DTYPES:
            raise ServingError(
                grpc.StatusCode.UNIMPLEMENTED, f"Conversion of JSON to type: {dtype_name(dtype)}, of input {name}"
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
    if len(rows) > max_rows:
        raise invalid(f"'instances' should have at most {max_rows:,} rows (`max_candidates`), received {len(rows):,}")
    return _read_rows(rows, dtypes), True


def write_outputs(outputs: Mapping[str, np.ndarray], by_row: bool) -> bytes:
    """Return the body of an answer, with `predictions` by row or `outputs` by name.

    Raises:
        ServingError: INVALID_ARGUMENT where outputs by row do not all have the same number of rows.
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
            raise invalid(f"inputs {PLAIN_VALUE}")
        value = {next(iter(dtypes)): value}
    tensors = {}
    for name, dtype in dtypes.items():
        if name not in value:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
        try:
            tensors[name] = read_tensor(value[name], dtype)
        except MismatchError as error:
            raise invalid(str(error)) from None
    return tensors


def _read_rows(rows: list[Any], dtypes: Mapping[str, int]) -> dict[str, tensor_pb2.TensorProto]:
    if not isinstance(rows[0], dict) and len(dtypes) > 1:
        raise invalid(f"instances {PLAIN_LIST}")
    try:
        if not _is_named(rows[0]):
            if any(map(_is_named, rows)):
                raise MismatchError
            return {name: read_tensor(rows, dtype) for name, dtype in dtypes.items()}
        if not all(isinstance(row, dict) and row.keys() == dtypes.keys() for row in rows):
            raise MismatchError
        return {name: read_tensor([row[name] for row in rows], dtype) for name, dtype in dtypes.items()}
    except MismatchError as error:
        # Columns are converted as a whole, which is fast. Only where that fails, the faulty row is searched for.
        for index, row in enumerate(rows):
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
    """Return what is wrong with the value of a row, on its own or compared with that of the first row."""
    try:
        shape = [dim.size for dim in read_tensor(value, dtype).tensor_shape.dim]
    except MismatchError as error:
        return str(error)
    expected = shape_of(first)
    size, expected_size = int(np.prod(shape, dtype=np.int64)), int(np.prod(expected, dtype=np.int64))
    if size != expected_size:
        return f"Expecting tensor size: {expected_size} but got: {size}"
    if shape != expected:
        return f"Expecting shape {_show_shape(expected)} but got: {_show_shape(shape)}"
    return None


def _show_shape(shape: list[int]) -> str:
    return f"[{','.join(map(str, shape))}]"
