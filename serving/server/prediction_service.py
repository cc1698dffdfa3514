"""The gRPC service that answers from models."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from interestflow.serving.server import inference
from interestflow.serving.server.batching import Runner
from interestflow.serving.server.errors import ServingError
from interestflow.serving.server.manager import Manager
from interestflow.serving.server.metrics import ServerMetrics

log = logging.getLogger("interestflow.serving")
Response = TypeVar("Response")


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict, Classify, Regress, MultiInference and GetModelMetadata.

    Args:
        manager: manager of the models.
        runner: runner of their signatures.
        metrics: metrics that count the requests.
        as_content: whether tensors of responses hold bytes instead of numbers.
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
        """Store what every call needs."""
        self._manager, self._runner, self._metrics = manager, runner, metrics
        self._as_content, self._check_method = as_content, check_method

    def Predict(
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        """Answer Predict."""
        answer = partial(
            inference.predict, self._manager, self._runner, request, self._as_content, self._metrics.missing_feature
        )
        return answer_call(self._metrics, request.model_spec.name, "Predict", context, answer)

    def Classify(
        self, request: classification_pb2.ClassificationRequest, context: grpc.ServicerContext
    ) -> classification_pb2.ClassificationResponse:
        """Answer Classify."""
        answer = partial(inference.classify, self._manager, self._runner, request, self._check_method)
        return answer_call(self._metrics, request.model_spec.name, "Classify", context, answer)

    def Regress(
        self, request: regression_pb2.RegressionRequest, context: grpc.ServicerContext
    ) -> regression_pb2.RegressionResponse:
        """Answer Regress."""
        answer = partial(inference.regress, self._manager, self._runner, request, self._check_method)
        return answer_call(self._metrics, request.model_spec.name, "Regress", context, answer)

    def MultiInference(
        self, request: inference_pb2.MultiInferenceRequest, context: grpc.ServicerContext
    ) -> inference_pb2.MultiInferenceResponse:
        """Answer MultiInference; the request counts for the model of its first task."""
        answer = partial(inference.multi_inference, self._manager, self._runner, request, self._check_method)
        name = request.tasks[0].model_spec.name if request.tasks else ""
        return answer_call(self._metrics, name, "MultiInference", context, answer)

    def GetModelMetadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Answer GetModelMetadata."""
        answer = partial(inference.get_model_metadata, self._manager, request)
        return answer_call(self._metrics, request.model_spec.name, "GetModelMetadata", context, answer)


def answer_call(
    metrics: ServerMetrics, model: str, method: str, context: grpc.ServicerContext, answer: Callable[[], Response]
) -> Response:
    """Return the response of `answer`; its errors become the status of the call, and none of them ends the server."""
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
