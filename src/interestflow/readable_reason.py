"""The one sentence of an error that the person who runs the pipeline should read."""

from __future__ import annotations

from typing import Any

OWN_PACKAGE = "interestflow"
"""Errors from this package are written for the person who runs the pipeline; others are named with their type."""


def readable_reason(error: BaseException) -> str:
    """Return the message of the error at the root of `error`, without what Beam and TFX wrap around it."""
    root: Any = error
    while root.__cause__ is not None or (root.__context__ is not None and not root.__suppress_context__):
        root = root.__cause__ or root.__context__
    text = str(root).split(" [while running")[0].strip() or type(root).__name__
    if type(root).__module__.split(".")[0] == OWN_PACKAGE:
        return text
    return f"{type(root).__name__}: {text}"
