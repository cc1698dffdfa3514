"""Conversion of the values of rows, as applications hold them, to the dtypes of a model's inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from interestflow.serving.client.client_error import ClientError

STRING = "string"
_PLAIN = frozenset((str, bytes, int, float, bool, type(None)))
"""Types that only single values have."""


def is_missing(value: object) -> bool:
    """Return whether a single value counts as missing: None, empty text or NaN."""
    if value is None:
        return True
    if isinstance(value, str | bytes):
        return not value
    return isinstance(value, float | np.floating) and math.isnan(value)


def as_list(value: Any) -> list[Any]:
    """Return the values of a list-valued feature: none where it is missing, one where it is a single value."""
    if type(value) is list:
        return value
    if hasattr(value, "tolist"):  # arrays of NumPy, and containers of them
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [*value]
    return [] if value is None or (isinstance(value, float) and math.isnan(value)) else [value]


def as_single(name: str, value: Any) -> Any:
    """Return the value of a single-valued feature.

    Raises:
        ClientError: for several values.
    """
    if type(value) in _PLAIN:
        return value
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple | dict | set):
        raise ClientError(f"`{name}` should be one value, received {value!r}")
    return value


def to_column(name: str, dtype: str, values: Sequence[Any]) -> np.ndarray:
    """Convert values to an array `[N]`.

    Missing values become empty text, NaN, 0 or False, which the models treat as missing. Numbers given for text become
    their decimal text.

    Args:
        name: name of the feature, for errors.
        dtype: TensorFlow's name of the dtype; text becomes an array of bytes objects.
        values: value of each row.

    Raises:
        ClientError: for a value that is not of that dtype.
    """
    convert, plain = _converter(name, dtype)
    try:
        # Most of the hundreds of values in a request have the right type already.
        converted = [value if type(value) is plain else convert(value) for value in values]
        return _to_array(dtype, converted)
    except (TypeError, ValueError, OverflowError):
        wrong = next((value for value in values if not _fits(value, convert, dtype)), None)
        raise ClientError(f"`{name}` should be {dtype}, received {wrong!r}") from None


def missing_value(dtype: str) -> bytes | float:
    """Return the value that represents a missing one in a column."""
    if dtype == STRING:
        return b""
    return math.nan if _kind(dtype) == "f" else 0


def _converter(name: str, dtype: str) -> tuple[Callable[[Any], Any], type]:
    """Return a converter of values, and the type of those that need no conversion."""
    kind = _kind(dtype)
    if dtype == STRING:
        return _to_text, bytes
    if kind == "f":
        return _to_float, float
    if kind in ("i", "u"):
        return _to_integer, int
    if kind == "b":
        return _to_boolean, bool
    raise ClientError(f"`{name}` is {dtype}; rows can hold text, integers, floats and booleans")


def _kind(dtype: str) -> str:
    """Return NumPy's letter for the kind of a dtype; "" for one that NumPy does not have, such as bfloat16."""
    try:
        return np.dtype(dtype).kind
    except TypeError:
        return ""


def _to_array(dtype: str, values: list[Any]) -> np.ndarray:
    if dtype == STRING:
        array = np.empty(len(values), object)
        array[:] = values
        return array
    kind = np.dtype(dtype)
    if kind.kind in ("i", "u") and kind.itemsize < 8:  # NumPy itself checks those of 64 bits
        limits = np.iinfo(kind)
        if values and not limits.min <= min(values) <= max(values) <= limits.max:
            raise OverflowError
    return np.array(values, kind)


def _fits(value: Any, convert: Callable[[Any], Any], dtype: str) -> bool:
    try:
        _to_array(dtype, [convert(value)])
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _to_text(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return bytes(value)
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
