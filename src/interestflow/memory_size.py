"""The amount of memory that a configuration allows each process, written with a unit."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

MIN_BYTES = 10**9
"""Smallest amount: TensorFlow, Beam and Arrow alone take most of it."""
UNITS = {"M": 10**6, "G": 10**9, "T": 10**12, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([MGT]i?)B?")


def memory_bytes(size: str) -> int:
    """Return the number of bytes of a size: `4GB` and `4G` are 4 * 10^9, `4GiB` and `4Gi` are 4 * 2^30.

    Raises:
        ValueError: if `size` is not a number with a unit.
    """
    match = SIZE.fullmatch(size)
    if match is None:
        raise ValueError(f"should be a size with its unit, such as 4GB or 4GiB, received {size!r}")
    number, unit = match.groups()
    return round(float(number) * UNITS[unit])


def _check_size(value: object) -> str:
    """Return a size with its unit, after checking it; a bare number is one of GB."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    size = f"{value}GB" if is_number else value
    if not isinstance(size, str):
        raise ValueError(f"should be a size with its unit, such as 4GB or 4GiB, received {value!r}")
    if memory_bytes(size) < MIN_BYTES:
        raise ValueError(f"should be at least 1GB, which the libraries alone need, received {value!r}")
    return size


MemorySize = Annotated[str, BeforeValidator(_check_size, json_schema_input_type=str | float)]
"""Type of a key that holds an amount of memory; `memory_bytes` converts its value."""
