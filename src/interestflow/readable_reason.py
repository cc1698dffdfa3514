"""The one sentence of an error that the person who runs the pipeline should read."""

from __future__ import annotations

import re
from typing import Any

OWN_PACKAGE = "interestflow"
"""Errors from this package are written for the person who runs the pipeline; others are named with their type."""
TRACEBACK = "Traceback (most recent call last):"
RAISED = re.compile(
    r"^(?P<type>[A-Za-z_][\w.]*): (?P<text>(?:(?!Traceback \(most recent).)+?)"
    r"(?= \[while running|\n\s*\n|\n(?:During handling|The above exception)|\Z)",
    re.MULTILINE | re.DOTALL,
)
"""Line of a printed traceback that names the exception, and its message, unless that is another traceback."""
RPC_DETAILS = re.compile(r"status = StatusCode\.(\w+)\s+details = \"(.*)\"")
"""The two lines of a gRPC error that say what happened."""


def readable_reason(error: BaseException) -> str:
    """Return the message of the error at the root of `error`, without what Beam and TFX wrap around it.

    A Beam runner whose workers are other processes hands an error over as the text of its traceback. The root is then
    the first exception of that text.
    """
    root: Any = error
    while root.__cause__ is not None or (root.__context__ is not None and not root.__suppress_context__):
        root = root.__cause__ or root.__context__
    message = str(root)
    printed = RAISED.search(message, message.index(TRACEBACK)) if TRACEBACK in message else None
    if printed is not None:
        return _reason(printed["type"], printed["text"].strip())
    text = message.split(" [while running")[0].strip() or type(root).__name__
    details = RPC_DETAILS.search(text)
    if details is not None:
        text = f"{details[1]}: {details[2]}"
    return _reason(f"{type(root).__module__}.{type(root).__qualname__}", text)


def _reason(kind: str, text: str) -> str:
    """Return the text of an error of this project, or that of another with its type before it."""
    return text if kind.split(".")[0] == OWN_PACKAGE else f"{kind.rpartition('.')[2]}: {text}"
