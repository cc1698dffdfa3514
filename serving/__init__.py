"""Export of trained models, clients of a model server, and a local server in TensorFlow Serving's protocol.

`Client`, `AsyncClient` and `Scorer` can be imported from here. Each is loaded on first use, so that
`from interestflow.serving import Client` needs gRPC, protobuf and NumPy but not TensorFlow.

Example:
    >>> from interestflow.serving import Client
    >>> Client.__module__
    'interestflow.serving.client.client'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interestflow.serving.client import AsyncClient, Client
    from interestflow.serving.scorer import Scorer

_MODULES = {
    "AsyncClient": "interestflow.serving.client",
    "Client": "interestflow.serving.client",
    "Scorer": "interestflow.serving.scorer",
}

__all__ = ["AsyncClient", "Client", "Scorer"]


def __getattr__(name: str) -> object:
    """Return the public class `name`, importing its module on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """Return the names of this package, those included that have not been imported yet."""
    return sorted({*globals(), *__all__})
