"""A model whose versions a test adds and removes, for `ScriptedServer`."""

from __future__ import annotations

import json
from typing import Any

import grpc
import numpy as np

from interestflow.serving.client import protocol_pb2
from interestflow.serving.client.channel import GET_METADATA
from interestflow.serving.description import Description
from tests.serving.client.scripted_server import Refusal, ScriptedServer, metadata_of, prediction_of

STRING, FLOAT, INT32 = protocol_pb2.DT_STRING, protocol_pb2.DT_FLOAT, protocol_pb2.DT_INT32
INPUTS = {"item": (STRING, [-1]), "history_item": (STRING, [-1, -1])}
DESCRIBE = {"inputs": {"rows": (INT32, [-1])}, "outputs": {"description": (STRING, [-1])}}
NOT_FOUND, INVALID = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT


def text(value: Description) -> bytes:
    return json.dumps(value.as_json()).encode()


class Versions:
    """Versions of a model that takes rows of `inputs` and answers with the counts of rows and steps it received.

    `descriptions` and `inputs` are by version. `newest` is asked for where a request names no version. `before` is
    called with each request, so that a test can change something just then.
    """

    def __init__(self, descriptions: dict[int, Description | None], inputs: dict[int, Any] | None = None) -> None:
        self.descriptions = descriptions
        self.inputs = inputs or {}
        self.newest = max(descriptions)
        self.before = lambda method, request: None

    def __call__(self, method: str, request: Any) -> Any:
        self.before(method, request)
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else self.newest
        if version not in self.descriptions:
            raise Refusal(NOT_FOUND, f"Servable not found for request: Specific(m, {version})")
        description = self.descriptions[version]
        if method == GET_METADATA:
            inputs = self.inputs.get(version, INPUTS)
            signatures = {"predict": {"inputs": inputs, "outputs": {"rows": (FLOAT, [-1]), "steps": (FLOAT, [-1])}}}
            return metadata_of(version, **signatures, **({} if description is None else {"describe": DESCRIBE}))
        if spec.signature_name == "describe":
            return prediction_of(version, description=np.array([text(description)], object))
        if set(request.inputs) != set(self.inputs.get(version, INPUTS)):
            raise Refusal(INVALID, "input size does not match signature: 2!=3")
        rows, steps = (dimension.size for dimension in request.inputs["history_item"].tensor_shape.dim)
        return prediction_of(version, rows=np.full(rows, rows, np.float32), steps=np.full(rows, steps, np.float32))


def received_calls(server: ScriptedServer) -> list[tuple[str, int | None]]:
    """Return the signature of each prediction, and the version that it was sent to."""
    return [
        (request.model_spec.signature_name, request.model_spec.version.value or None)
        for request in server.predictions()
    ]


def short(length: int, max_rows: int = 2) -> Description:
    return Description({"history_item": length}, (), max_rows, ())


ROWS = [{"item": "a", "history_item": ["x"] * 9}] * 3
