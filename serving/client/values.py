"""Conversion of the values of rows, as applications hold them, to the dtypes of a model's inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from serving.client.client_error import ClientError

STRING = "string"


def is_missing(value: Any) -> bool:
    """Whether a single value counts as not given: None, empty text or NaN."""
    if value is None:
        return True
    if isinstance(value, str | bytes):
        return not value
    return isinstance(value, float | np.floating) and math.isnan(value)


def as_list(value: Any) -> list[Any]:
    """Return the values of a list-valued feature; none where it is missing, one where it is a single value."""
    if hasattr(value, "tolist"):  # arrays of NumPy, and what holds them
        value = value.tolist()
    if isinstance(value, list | tuple):
        return list(value)
    return [] if value is None or (isinstance(value, float) and math.isnan(value)) else [value]


def as_single(name: str, value: Any) -> Any:
    """Return the value of a single-valued feature.

    Raises:
        ClientError: for several values.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple | dict | set):
        raise ClientError(f"`{name}` should be one value, received {value!r}")
    return value


def to_column(name: str, dtype: str, values: Sequence[Any]) -> np.ndarray:
    """Convert values to an array `[N]`.

    Missing values become empty text, NaN, 0 or False, which the models take as missing. Numbers given for text become
    their decimal text.

    Args:
        name: of the feature, for errors.
        dtype: TensorFlow's name; text becomes an array of bytes objects.
        values: one for each row.

    Raises:
        ClientError: for a value that is not of that dtype.
    """
    convert = _converter(name, dtype)
    try:
        converted = [convert(value) for value in values]
        if dtype != STRING:
            return np.array(converted, dtype)
    except (TypeError, ValueError, OverflowError):
        wrong = next((value for value in values if not _fits(value, convert, dtype)), None)
        raise ClientError(f"`{name}` should be {dtype}, received {wrong!r}") from None
    column = np.empty(len(converted), object)
    column[:] = converted
    return column


def _converter(name: str, dtype: str) -> Callable[[Any], Any]:
    if dtype == STRING:
        return _to_text
    kind = _kind(dtype)
    if kind == "f":
        return _to_float
    if kind in ("i", "u"):
        return _to_integer
    if kind == "b":
        return _to_boolean
    raise ClientError(f"`{name}` is {dtype}; rows can hold text, integers, floats and booleans")


def _kind(dtype: str) -> str:
    """NumPy's letter for the kind of a dtype; empty for one that NumPy does not have, such as bfloat16."""
    try:
        return np.dtype(dtype).kind
    except TypeError:
        return ""


def _fits(value: Any, convert: Callable[[Any], Any], dtype: str) -> bool:
    try:
        converted = convert(value)
        if dtype != STRING:
            np.array([converted], dtype)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _to_text(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if is_missing(value):
        return b""
    if isinstance(value, list | tuple | dict | set):
        raise TypeError
    return str(value).encode()


def _to_float(value: Any) -> float:
    return math.nan if is_missing(value) else float(value)


def _to_integer(value: Any) -> int:
    if is_missing(value):
        return 0
    integer = int(value)
    if isinstance(value, float) and integer != value:
        raise ValueError
    return integer


def _to_boolean(value: Any) -> bool:
    if is_missing(value):
        return False
    if not isinstance(value, bool | int | np.bool_) or value not in (0, 1):
        raise ValueError
    return bool(value)
