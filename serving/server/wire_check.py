"""Measurement of an encoded message before it is parsed: parsing can take ninety times the memory of the bytes."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from interestflow.serving.server.errors import invalid
from interestflow.serving.server.limits import STRING_BYTES

SMALL_BYTES = 2**20
"""Smallest size that is measured: below it, the memory is not worth the time."""
VARINT_BYTES = {
    FieldDescriptor.CPPTYPE_INT32: 4, FieldDescriptor.CPPTYPE_UINT32: 4, FieldDescriptor.CPPTYPE_ENUM: 4,
    FieldDescriptor.CPPTYPE_INT64: 8, FieldDescriptor.CPPTYPE_UINT64: 8, FieldDescriptor.CPPTYPE_BOOL: 1,
}  # fmt: skip
VARINT, EIGHT_BYTES, DELIMITED, FOUR_BYTES = 0, 1, 2, 5
"""Wire types; the others are the ends of groups, which have no bytes of their own."""


class Content(NamedTuple):
    """Content of a length-delimited field: a message, or packed numbers of so many bytes each, or neither."""

    message: Descriptor | None = None
    packed_bytes: int = 0


def check_fields(content: bytes, descriptor: Descriptor, max_bytes: int) -> None:
    """Check that a message does not have more fields, or packed numbers, than parsing may take memory for.

    Bytes that are not a message are left for the parser to refuse.

    Args:
        content: the encoded message.
        descriptor: descriptor of its type.
        max_bytes: memory that its fields may take. Each counts as much as a string of a tensor.

    Raises:
        ServingError: INVALID_ARGUMENT for a message that needs more.
    """
    try:
        _measure(content, descriptor, max_bytes)
    except (IndexError, ValueError):
        return


def _measure(content: bytes, descriptor: Descriptor, max_bytes: int) -> None:
    remaining = max_bytes
    messages = [(0, len(content), descriptor)]
    while messages:
        position, end, message = messages.pop()
        contents = _contents(message)
        while position < end:
            tag, position = _read_varint(content, position)
            remaining -= STRING_BYTES
            wire_type = tag & 7
            if wire_type == DELIMITED:
                size, position = _read_varint(content, position)
                kind = contents.get(tag >> 3, Content())
                if kind.message is not None:
                    messages.append((position, min(position + size, end), kind.message))
                elif kind.packed_bytes:
                    remaining -= _count_varints(content, position, size) * kind.packed_bytes
                position += size
            elif wire_type == VARINT:
                _, position = _read_varint(content, position)
            elif wire_type == EIGHT_BYTES:
                position += 8
            elif wire_type == FOUR_BYTES:
                position += 4
            if remaining < 0:
                raise invalid(
                    f"a request should have at most {max_bytes // STRING_BYTES:,} fields and values in it "
                    f"(`max_expanded_bytes` of {STRING_BYTES} bytes each), received more"
                )


@cache
def _contents(message: Descriptor) -> dict[int, Content]:
    """Return the content of the length-delimited fields of a message, by number."""
    return {field.number: _content(field) for field in message.fields}


def _content(field: FieldDescriptor) -> Content:
    if field.message_type is not None:
        return Content(message=field.message_type)
    return Content(packed_bytes=VARINT_BYTES.get(field.cpp_type, 0) if field.is_repeated else 0)


def _count_varints(content: bytes, position: int, size: int) -> int:
    """Return the count of numbers in packed bytes: each ends in a byte below 128."""
    return int(np.count_nonzero(np.frombuffer(content, np.uint8, size, position) < 0x80))


def _read_varint(content: bytes, position: int) -> tuple[int, int]:
    """Return the number at `position`, and the position after it."""
    byte = content[position]
    if byte < 0x80:
        return byte, position + 1
    value, shift = 0, 0
    while byte & 0x80:
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        byte = content[position]
    return value | byte << shift, position + 1
