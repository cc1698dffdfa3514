"""The gRPC service that answers predictions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.server import inference
from serving.server.batching import Runner
from serving.server.errors import ServingError
from serving.server.manager import Manager
from serving.server.metrics import ServerMetrics

log = logging.getLogger("interestflow.serving")
Answer = TypeVar("Answer")


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict, Classify, Regress, MultiInference and GetModelMetadata."""

    def __init__(self, manager: Manager, runner: Runner, metrics: ServerMetrics) -> None:
        self._manager, self._runner, self._metrics = manager, runner, metrics

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._answer(request.model_spec.name, "Predict", context, lambda: inference.predict(
            self._manager, self._runner, request))  # fmt: skip

    def Classify(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._answer(request.model_spec.name, "Classify", context, lambda: inference.classify(
            self._manager, self._runner, request))  # fmt: skip

    def Regress(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._answer(request.model_spec.name, "Regress", context, lambda: inference.regress(
            self._manager, self._runner, request))  # fmt: skip

    def MultiInference(self, request: Any, context: grpc.ServicerContext) -> Any:
        name = request.tasks[0].model_spec.name if request.tasks else ""
        return self._answer(name, "MultiInference", context, lambda: inference.multi_inference(
            self._manager, self._runner, request))  # fmt: skip

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._answer(request.model_spec.name, "GetModelMetadata", context, lambda: inference.get_model_metadata(
            self._manager, request))  # fmt: skip

    def _answer(self, model: str, method: str, context: grpc.ServicerContext, answer: Callable[[], Answer]) -> Answer:
        return answered(self._metrics, model, method, context, answer)


def answered(
    metrics: ServerMetrics, model: str, method: str, context: grpc.ServicerContext, answer: Callable[[], Answer]
) -> Answer:
    """What `answer` gives; its errors become the call's status, and none of them ends the server."""
    try:
        with metrics.request(model, method):
            left = context.time_remaining()
            if not context.is_active() or (left is not None and left <= 0):
                raise ServingError(grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline was over before it was run")
            return answer()
    except ServingError as error:
        code, message = error.code, error.message
    except Exception as error:
        log.exception("%s failed", method)
        code, message = grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}".splitlines()[0]
    context.abort(code, message)
    raise AssertionError("abort raises")
