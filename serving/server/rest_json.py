"""JSON of REST bodies: parsed within bounds, shown in error messages, and written from arrays."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any

import numpy as np

from interestflow.serving.server.errors import ServingError, invalid

MAX_VALUES = 2**21
"""Most values in a body. A parsed value takes up to two hundred bytes, so this bounds the memory at about 400 MB."""
MAX_SHOWN = 400
"""Most characters of a value that an error message shows."""
CONSTANTS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
"""Numbers that TensorFlow Serving reads and writes although JSON does not have them."""
TOO_BIG = "JSON Parse error: Number too big to be stored in double."
NESTED_TOO_DEEP = "JSON Parse error: values are nested too deep"
_NOT_FINITE = {b"nan": b"NaN", b"inf": b"Infinity", b"-inf": b"-Infinity"}
_ESCAPED = re.compile(rb'["\\\x00-\x1f]')
# What RapidJSON, the parser of TensorFlow Serving, says where Python's parser says something else.
_MESSAGES = {
    "Expecting value": "Invalid value.",
    "Expecting ',' delimiter": "Missing a comma or a closing bracket after a value.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid control character at": "Invalid encoding in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
    "Extra data": "The document root must not be followed by other values.",
}


class MismatchError(Exception):
    """A value of another type or shape than the signature asks for; the message is TensorFlow Serving's."""


def parse_object(body: bytes | bytearray) -> dict[str, Any]:
    """Parse a JSON object as TensorFlow Serving does.

    Where a key is given twice, the first value counts. NaN, Infinity and -Infinity become the numbers of `CONSTANTS`.
    Bytes that are not UTF-8 become surrogates, which `encode_text` turns back into the bytes.

    Raises:
        ServingError: INVALID_ARGUMENT for what is not JSON, is not an object, or has more than `MAX_VALUES` values.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    count = body.count(b",") + body.count(b"[") + body.count(b"{")
    if count > MAX_VALUES:
        raise invalid(f"the body should have at most {MAX_VALUES:,} commas and opening brackets, received {count:,}")
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    try:
        value = json.loads(text, object_pairs_hook=_first_values, parse_constant=CONSTANTS.__getitem__)
    except json.JSONDecodeError as error:
        offset = len(text[: error.pos].encode("utf-8", "surrogateescape"))
        raise invalid(f"JSON Parse error: {_MESSAGES.get(error.msg, error.msg)} at offset: {offset}") from None
    except RecursionError:
        raise invalid(NESTED_TOO_DEEP) from None
    except ValueError:  # an integer of thousands of digits
        raise invalid(TOO_BIG) from None
    if not isinstance(value, dict):
        raise format_error(value, "Is not object")
    return value


def encode_text(text: str) -> bytes:
    """Return the UTF-8 bytes of a text of a parsed body.

    Raises:
        ServingError: INVALID_ARGUMENT for half a surrogate pair.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from None


def is_base64(value: Any) -> bool:
    """Tell whether a value is an object `{"b64": "..."}`, which stands for bytes."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def decode_base64(value: Any) -> bytes:
    """Return the bytes that an object `{"b64": "..."}` stands for.

    Raises:
        MismatchError: for another value, or text that is not base64.
    """
    if not is_base64(value):
        raise MismatchError(f"JSON Value: {show(value)} not formatted correctly for base64 data")
    text = "".join(value["b64"].split()).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise MismatchError("Unable to base64 decode") from None


def to_doubles(numbers: Sequence[float]) -> np.ndarray:
    """Return parsed numbers as float64.

    Raises:
        ServingError: INVALID_ARGUMENT for a number beyond the doubles, such as 1e400. Infinity is none.
    """
    try:
        array = np.array(numbers, np.float64)
    except OverflowError:  # an integer
        raise invalid(TOO_BIG) from None
    if np.isinf(array).any() and any(map(_is_too_big, numbers)):
        raise invalid(TOO_BIG)
    return array


def format_error(value: Any, problem: str) -> ServingError:
    """Return an INVALID_ARGUMENT error that shows the value and says what is wrong with it."""
    return invalid(f"JSON Value: {show(value)} {problem}")


def show(value: Any) -> str:
    """Return a value as TensorFlow Serving's messages show it; `MAX_SHOWN` characters of it at most."""
    text = ""
    for piece in _pieces(value, 0):
        text += piece
        if len(text) > MAX_SHOWN:
            return f"{text[:MAX_SHOWN]}..."
    return text


def type_name(value: Any) -> str:
    """Return the name that TensorFlow Serving has for the JSON type of a value."""
    if isinstance(value, bool):
        return str(value)
    names = {dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}
    return names.get(type(value), "Null")


def write_object(members: Mapping[str, bytes]) -> bytes:
    """Write an object whose members are JSON already."""
    return b"{" + b", ".join(_write_string(name.encode()) + b": " + member for name, member in members.items()) + b"}"


def write_list(items: Iterable[bytes]) -> bytes:
    """Write a list whose items are JSON already."""
    return b"[" + b", ".join(items) + b"]"


def write_array(array: np.ndarray, is_bytes: bool) -> bytes:
    """Write an array as lists within lists, with the values that `write_rows` describes."""
    if array.ndim == 0:
        return _write_values(array.reshape(1), is_bytes)[0]
    return write_list(write_rows(array, is_bytes))


def write_rows(array: np.ndarray, is_bytes: bool) -> list[bytes]:
    """Write each element along the first axis.

    Numbers get as many digits as tell them apart from all others of their dtype. Strings are written as they are, or
    as objects `{"b64": ...}` if `is_bytes`.

    Raises:
        ServingError: INVALID_ARGUMENT for a dtype that JSON has no form for, such as bfloat16.
    """
    items = _write_values(array.reshape(-1), is_bytes)
    for axis in range(array.ndim - 1, 0, -1):
        size = array.shape[axis]
        count = math.prod(array.shape[:axis])
        items = [write_list(items[index * size : (index + 1) * size]) for index in range(count)]
    return items


def _write_values(values: np.ndarray, is_bytes: bool) -> list[bytes]:
    kind = values.dtype.kind
    if kind == "O":
        return list(map(_write_bytes if is_bytes else _write_string, values.tolist()))
    if kind == "b":
        return [b"true" if value else b"false" for value in values.tolist()]
    if kind not in "iuf":
        raise invalid(f"Failed to write JSON value for tensor type: {values.dtype.name}")
    items: list[bytes] = values.astype("S").tolist()
    if kind == "f" and not np.isfinite(values).all():
        items = [_NOT_FINITE.get(item, item) for item in items]
    return items


def _write_string(value: bytes) -> bytes:
    return b'"%b"' % _ESCAPED.sub(lambda match: json.dumps(match[0].decode())[1:-1].encode(), value)


def _write_bytes(value: bytes) -> bytes:
    return b'{"b64": "%b"}' % base64.b64encode(value)


def _is_too_big(number: float) -> bool:
    """Tell a number that Python parsed as infinite from an Infinity of the body, which is one of `CONSTANTS`."""
    is_infinite = number in (CONSTANTS["Infinity"], CONSTANTS["-Infinity"])
    return is_infinite and number is not CONSTANTS["Infinity"] and number is not CONSTANTS["-Infinity"]


def _first_values(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        value = {}
        for name, member in pairs:
            value.setdefault(name, member)
    return value


def _pieces(value: Any, level: int) -> Iterator[str]:
    """Yield the text of a value piece by piece, each member of an object on a line of its own and lists on one line."""
    if isinstance(value, dict) and value:
        indent = "    " * (level + 1)
        yield "{"
        for index, (name, member) in enumerate(value.items()):
            yield f"{',' if index else ''}\n{indent}{encode_basestring(name)}: "
            yield from _pieces(member, level + 1)
        yield "\n" + "    " * level + "}"
    elif isinstance(value, list):
        yield "["
        for index, member in enumerate(value):
            if index:
                yield ", "
            yield from _pieces(member, level + 1)
        yield "]"
    elif isinstance(value, str):
        yield encode_basestring(value[: MAX_SHOWN + 1])
    else:
        yield json.dumps(value)
