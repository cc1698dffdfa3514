"""The gRPC service that answers from models."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
from tensorflow_serving.apis import prediction_service_pb2_grpc

from interestflow.serving.server import inference
from interestflow.serving.server.batching import Runner
from interestflow.serving.server.errors import ServingError
from interestflow.serving.server.manager import Manager
from interestflow.serving.server.metrics import ServerMetrics

log = logging.getLogger("interestflow.serving")
Answer = TypeVar("Answer")


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict, Classify, Regress, MultiInference and GetModelMetadata.

    Args:
        manager: of the models.
        runner: of their signatures.
        metrics: where requests are counted.
        as_content: whether tensors of answers hold bytes instead of numbers.
        check_method: whether Classify and Regress need signatures of these methods.
    """

    def __init__(
        self,
        manager: Manager,
        runner: Runner,
        metrics: ServerMetrics,
        as_content: bool = False,
        check_method: bool = False,
    ) -> None:
        self._manager, self._runner, self._metrics = manager, runner, metrics
        self._as_content, self._check_method = as_content, check_method

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        def answer() -> Any:
            return inference.predict(
                self._manager, self._runner, request, self._as_content, self._metrics.missing_feature
            )

        return self._answer(request.model_spec.name, "Predict", context, answer)

    def Classify(self, request: Any, context: grpc.ServicerContext) -> Any:
        def answer() -> Any:
            return inference.classify(self._manager, self._runner, request, self._check_method)

        return self._answer(request.model_spec.name, "Classify", context, answer)

    def Regress(self, request: Any, context: grpc.ServicerContext) -> Any:
        def answer() -> Any:
            return inference.regress(self._manager, self._runner, request, self._check_method)

        return self._answer(request.model_spec.name, "Regress", context, answer)

    def MultiInference(self, request: Any, context: grpc.ServicerContext) -> Any:
        def answer() -> Any:
            return inference.multi_inference(self._manager, self._runner, request, self._check_method)

        name = request.tasks[0].model_spec.name if request.tasks else ""
        return self._answer(name, "MultiInference", context, answer)

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        def answer() -> Any:
            return inference.get_model_metadata(self._manager, request)

        return self._answer(request.model_spec.name, "GetModelMetadata", context, answer)

    def _answer(self, model: str, method: str, context: grpc.ServicerContext, answer: Callable[[], Answer]) -> Answer:
        return answer_call(self._metrics, model, method, context, answer)


def answer_call(
    metrics: ServerMetrics, model: str, method: str, context: grpc.ServicerContext, answer: Callable[[], Answer]
) -> Answer:
    """Return what `answer` gives; its errors become the status of the call, and none of them ends the server."""
    try:
        with metrics.request(model, method):
            remaining = context.time_remaining()
            if not context.is_active() or (remaining is not None and remaining <= 0):
                raise ServingError(grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline had passed before the request ran")
            return answer()
    except ServingError as error:
        code, message = error.code, error.message
    except Exception:
        log.exception("%s failed", method)
        code, message = grpc.StatusCode.INTERNAL, f"{method} failed on the server's side; its log says why"
    context.abort(code, message)
    raise AssertionError("abort raises")
