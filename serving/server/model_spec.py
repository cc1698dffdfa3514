"""The ModelSpec of requests and responses: which model, version and signature."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tensorflow_serving.apis import model_pb2

from interestflow.serving.server.errors import invalid
from interestflow.serving.server.manager import Manager
from interestflow.serving.server.servable import DEFAULT_SIGNATURE, Servable


@contextmanager
def use_servable(manager: Manager, spec: model_pb2.ModelSpec) -> Iterator[Servable]:
    """Yield the version that `spec` names, or the newest, which stays loaded inside.

    Raises:
        ServingError: INVALID_ARGUMENT without a name; see `Manager.use` for the others.
    """
    if not spec.name:
        raise invalid("ModelSpec has no name specified.")
    choice = spec.WhichOneof("version_choice")
    version = spec.version.value if choice == "version" else None
    label = spec.version_label if choice == "version_label" else None
    if label == "":
        raise invalid("Unrecognized servable version label: ")
    with manager.use(spec.name, version, label) as servable:
        yield servable


def require_model_spec(request: Any) -> model_pb2.ModelSpec:
    """Return the `model_spec` of a request of any method.

    Raises:
        ServingError: INVALID_ARGUMENT where the request has none.
    """
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return request.model_spec


def set_model_spec(servable: Servable, key: str | None, spec: model_pb2.ModelSpec) -> None:
    """Set a response's `spec` to the model, version and signature that answered; `key` None sets no signature."""
    spec.name = servable.name
    spec.version.value = servable.version
    if key is not None:
        spec.signature_name = key or DEFAULT_SIGNATURE
