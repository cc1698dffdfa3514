"""Values as the backend keeps them: numbers are doubles, and ML Metadata has neither booleans nor lists."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from interestflow.kubeflow.backend.errors import StepError

LARGEST_PLAIN_NUMBER = 1e21
"""Go's JSON writes larger numbers with an exponent."""


def json_text(value: Any, is_sorted: bool = False) -> str:
    """Return JSON without spaces in which doubles look as Go writes them, e.g. `1` for 1.0.

    Args:
        value: what `json` can write.
        is_sorted: whether keys are sorted.
    """
    return json.dumps(as_go_writes(value), separators=(",", ":"), ensure_ascii=False, sort_keys=is_sorted)


def as_go_writes(value: Any) -> Any:
    """Replace doubles without a fraction by the integers whose digits Go writes: the shortest that parse back."""
    if isinstance(value, Mapping):
        return {name: as_go_writes(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_go_writes(item) for item in value]
    if isinstance(value, float) and math.isfinite(value) and value.is_integer() and abs(value) < LARGEST_PLAIN_NUMBER:
        return int(Decimal(repr(value)))
    return value


def as_doubles(value: Any) -> Any:
    """Replace integers by doubles, the only numbers of a protobuf `Value`."""
    if isinstance(value, Mapping):
        return {name: as_doubles(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_doubles(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def value_text(value: Any) -> str:
    """Return the text of a parameter, which is what a parameter of type STRING receives from any other type."""
    if isinstance(value, str):
        return value
    return json_text(value)


def stored_metadata(output: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata of an artifact as it comes back from ML Metadata to the steps that read the artifact.

    Args:
        output: name of the output, for the message.
        metadata: what the step wrote.

    Raises:
        StepError: a value is null.
    """
    return {key: _stored(f"metadata `{key}` of output `{output}`", value) for key, value in metadata.items()}


def _stored(name: str, value: Any) -> Any:
    if value is None:
        raise StepError(
            f"{name} is null, which the launcher refuses: unknown/unsupported value type *structpb.Value_NullValue"
        )
    if isinstance(value, bool):
        return 1.0 if value else 0.0
    if isinstance(value, list):
        return {"list": as_doubles(value)}
    if isinstance(value, Mapping):
        return {"struct": as_doubles(value)}
    return as_doubles(value)
