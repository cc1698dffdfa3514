"""Metadata of artifacts: the form in which the backend returns it, and the form in which it accepts it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

BACKEND_KEYS = frozenset({"display_name", "store_session_info"})
"""Keys that the backend adds to the metadata of every input; the second names a secret."""
WRAPPERS: Mapping[str, type] = {"struct": dict, "list": list}
"""Keys in which the backend wraps mappings and lists: `StructValueToMLMDValue` in its backend/src/v2/metadata."""


def received_metadata(metadata: Mapping[str, Any], convert_text: Callable[[str], str]) -> dict[str, Any]:
    """Return the metadata of an input as the step that produced it wrote it.

    Args:
        metadata: metadata from the backend.
        convert_text: applied to each text in it, e.g. to replace a URI by a path.
    """
    kept = {key: _unwrap(value) for key, value in metadata.items() if key not in BACKEND_KEYS and value is not None}
    return {key: _convert_texts(value, convert_text) for key, value in kept.items()}


def sent_metadata(metadata: Mapping[str, Any], convert_text: Callable[[str], str]) -> tuple[dict[str, Any], list[str]]:
    """Return the metadata of an output as the backend accepts it.

    A null, and a number that JSON cannot express, would fail the step after all its work.

    Args:
        metadata: metadata that the executor set.
        convert_text: applied to each text in it, e.g. to replace a path by a URI.

    Returns:
        The metadata, and the keys that were left out because they have no value.
    """
    sent, omitted = {}, []
    for key, value in metadata.items():
        if value is None or not _is_json(value):
            omitted.append(key)
        else:
            sent[key] = _convert_texts(value, convert_text)
    return sent, omitted


def _unwrap(value: Any) -> Any:
    """Return a mapping or list without the backend's wrapper."""
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        if key in WRAPPERS and isinstance(inner, WRAPPERS[key]):
            return inner
    return value


def _convert_texts(value: Any, convert: Callable[[str], str]) -> Any:
    """Return a JSON value with every text in it converted."""
    if isinstance(value, str):
        return convert(value)
    if isinstance(value, list):
        return [_convert_texts(item, convert) for item in value]
    if isinstance(value, dict):
        return {key: _convert_texts(item, convert) for key, item in value.items()}
    return value


def _is_json(value: Any) -> bool:
    """Return whether JSON can express a value: not where it is or has a number that is not finite."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True
