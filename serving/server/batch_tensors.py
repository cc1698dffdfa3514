"""Joining of requests' tensors into a batch, and splitting of its outputs, as TensorFlow Serving does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import grpc
import numpy as np

from interestflow.serving.server.errors import ServingError, invalid

Arrays = Mapping[str, np.ndarray]
MAX_PADDED_AXES = 6


def count_rows(inputs: Arrays) -> int:
    """Return the size of the first axis, which all inputs of a batched request should share.

    Raises:
        ServingError: INVALID_ARGUMENT where they do not.
    """
    if not inputs:
        raise invalid("Batching Run() must have at least one input tensor")
    if any(array.ndim == 0 for array in inputs.values()):
        raise invalid("Batching Run() input tensors must have at least one dimension")
    rows = {len(array) for array in inputs.values()}
    if len(rows) > 1:
        shown = ", ".join(f"`{name}` {len(array)}" for name, array in sorted(inputs.items()))
        raise invalid(f"Batching Run() input tensors must have equal 0th-dimension size, received {shown}")
    return rows.pop()


def join(requests: Sequence[Arrays], pads: bool, size: int, feed_name: Callable[[str], str]) -> dict[str, np.ndarray]:
    """Return the inputs of a batch.

    Args:
        requests: inputs of each request, of the same names and dtypes, at least one row each.
        pads: whether axes after the first are padded to the longest with the first value of a tensor, as
            `pad_variable_length_inputs` asks. That value may be a real one, so that outputs may be wrong.
        size: rows of the batch. Missing ones repeat the first row of the last request.
        feed_name: returns the name that an input has in the graph.

    Raises:
        ServingError: FAILED_PRECONDITION for unequal shapes that are not padded, INVALID_ARGUMENT for a tensor that
            cannot be padded. All requests of the batch fail with it.
    """
    joined = {}
    for name in requests[0]:
        arrays = [request[name] for request in requests]
        if pads:
            arrays = _pad(arrays)
        if len({array.shape[1:] for array in arrays}) > 1:
            raise ServingError(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"Tensors with name '{feed_name(name)}' from different tasks have different shapes and padding is "
                "turned off. Set pad_variable_length_inputs to true, or ensure that all tensors with the same name "
                "have equal dimensions starting with the first dim.",
            )
        missing = size - sum(map(len, arrays))
        if missing:
            arrays.append(np.repeat(arrays[-1][:1], missing, axis=0))
        joined[name] = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    return joined


def split(outputs: Arrays, rows: Sequence[int], size: int) -> list[dict[str, np.ndarray]]:
    """Return the outputs of each request.

    Args:
        outputs: outputs of a batch.
        rows: number of rows of each request, in order.
        size: rows of the batch.

    Raises:
        ServingError: FAILED_PRECONDITION for an output that does not have a row for each row of the inputs.
    """
    for name, array in outputs.items():
        if array.ndim == 0:
            raise ServingError(grpc.StatusCode.FAILED_PRECONDITION, f"Batched output tensor has 0 dimensions: `{name}`")
        if len(array) != size:
            raise ServingError(
                grpc.StatusCode.FAILED_PRECONDITION,
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
                f"tensors: `{name}` has {len(array)} rows, the inputs {size}",
            )
    ends = np.cumsum(rows).tolist()
    return [
        {name: array[end - count : end] for name, array in outputs.items()}
        for end, count in zip(ends, rows, strict=True)
    ]


def _pad(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Pad axes after the first to the longest, with each array's first value."""
    if len({array.ndim for array in arrays}) > 1:
        return list(arrays)  # different ranks, which `join` refuses
    if arrays[0].ndim > MAX_PADDED_AXES:
        raise invalid(f"Only tensors with rank from 1 to {MAX_PADDED_AXES} can be padded.")
    longest = tuple(max(sizes) for sizes in zip(*(array.shape[1:] for array in arrays), strict=True))
    return [_pad_to(array, longest) for array in arrays]


def _pad_to(array: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    if array.shape[1:] == sizes:
        return array
    if not array.size:
        if not len(array) or 0 in sizes:
            return np.empty((len(array), *sizes), array.dtype)
        raise invalid("Got empty tensor in batch of non-empty tensors.")
    widths = [(0, 0), *((0, size - current) for size, current in zip(sizes, array.shape[1:], strict=True))]
    return np.pad(array, widths, constant_values=array.flat[0])
