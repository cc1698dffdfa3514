"""A gRPC server whose answers a test scripts, for behaviour that a model server cannot be made to show at will."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc
import numpy as np

from interestflow.serving.client import protocol_pb2
from interestflow.serving.client.arrays import fill_tensor_proto
from interestflow.serving.client.channel import GET_METADATA, GET_STATUS, PREDICT

REQUESTS = {
    PREDICT: protocol_pb2.PredictRequest,
    GET_METADATA: protocol_pb2.GetModelMetadataRequest,
    GET_STATUS: protocol_pb2.GetModelStatusRequest,
}


class Refusal(Exception):
    """Ends a call with a status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code, self.details = code, details


class ScriptedServer(grpc.GenericRpcHandler):
    """Calls `answer` with the method and the request; it returns the response or raises a `Refusal`.

    `requests` holds each request in the order of arrival.
    """

    def __init__(self, answer: Callable[[str, Any], Any]) -> None:
        self.requests: list[Any] = []
        self._answer = answer
        self._lock = threading.Lock()
        self._server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[self])
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> ScriptedServer:
        self._server.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.stop(None).wait()

    def service(self, details: Any) -> Any:
        method = details.method
        if method not in REQUESTS:
            return None

        def answer(content: bytes, context: grpc.ServicerContext) -> bytes:
            request = REQUESTS[method].FromString(content)
            with self._lock:
                self.requests.append(request)
            try:
                response: bytes = self._answer(method, request).SerializeToString()
            except Refusal as refusal:
                context.abort(refusal.code, refusal.details)
            return response

        return grpc.unary_unary_rpc_method_handler(answer)

    def predictions(self) -> list[protocol_pb2.PredictRequest]:
        """Return the requests to predict so far."""
        return [request for request in self.requests if isinstance(request, protocol_pb2.PredictRequest)]


def metadata_of(version: int, **signatures: dict[str, dict[str, tuple[int, list[int]]]]) -> Any:
    """Return the metadata of a model.

    Args:
        version: number of the version.
        signatures: by name, `inputs` and `outputs`, each a dtype and a shape by name.
    """
    definitions = protocol_pb2.SignatureDefMap()
    for key, sides in signatures.items():
        for side, tensors in sides.items():
            for name, (dtype, shape) in tensors.items():
                info = getattr(definitions.signature_def[key], side)[name]
                info.dtype = dtype
                for size in shape:
                    info.tensor_shape.dim.add(size=size)
    response = protocol_pb2.GetModelMetadataResponse()
    response.model_spec.version.value = version
    response.metadata["signature_def"].value = definitions.SerializeToString()
    return response


def prediction_of(version: int, **outputs: np.ndarray) -> protocol_pb2.PredictResponse:
    """Return the answer of a version."""
    response = protocol_pb2.PredictResponse()
    response.model_spec.version.value = version
    for name, array in outputs.items():
        fill_tensor_proto(response.outputs[name], np.asarray(array))
    return response
