"""Amounts of memory in a configuration."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from interestflow.memory_size import MemorySize, memory_bytes

SIZES = TypeAdapter[str](MemorySize)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (4, 4_000_000_000),
        (1.5, 1_500_000_000),
        ("4GB", 4_000_000_000),
        ("4 GB", 4_000_000_000),
        ("4G", 4_000_000_000),
        ("4GiB", 4_294_967_296),
        ("4Gi", 4_294_967_296),
        ("2500MB", 2_500_000_000),
        ("1.5Ti", 1_649_267_441_664),
    ],
)
def test_a_size_is_a_number_of_gigabytes_or_has_its_unit(written: object, expected: int) -> None:
    size = SIZES.validate_python(written)
    assert memory_bytes(size) == expected
    assert SIZES.validate_python(size) == size


@pytest.mark.parametrize("written", ["4", "4 apples", "4gb", "-4GB", "", None, True, [4], float("nan")])
def test_anything_else_is_an_error_that_shows_it(written: object) -> None:
    with pytest.raises(ValidationError, match="should be a size with its unit, such as 4GB or 4GiB, received"):
        SIZES.validate_python(written)


@pytest.mark.parametrize("written", [0, 0.5, "999MB"])
def test_less_than_the_libraries_need_is_an_error(written: object) -> None:
    with pytest.raises(ValidationError, match="should be at least 1GB, which the libraries alone need, received"):
        SIZES.validate_python(written)
