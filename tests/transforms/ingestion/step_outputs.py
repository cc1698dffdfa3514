"""Outputs of steps that are called without Beam, for the tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from apache_beam.pvalue import TaggedOutput
from apache_beam.utils.windowed_value import WindowedValue


def by_tag(outputs: Iterable[Any]) -> dict[str, list[Any]]:
    """Return the outputs of a step by tag; the main ones under "main"."""
    tagged: dict[str, list[Any]] = {}
    for output in outputs:
        is_tagged = isinstance(output, TaggedOutput)
        value = output.value if is_tagged else output
        value = value.value if isinstance(value, WindowedValue) else value
        tagged.setdefault(output.tag if is_tagged else "main", []).append(value)
    return tagged
