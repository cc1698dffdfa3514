"""TF Serving's two gRPC services, answered from a manager."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

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


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest."""

    def __init__(self, manager: Manager, metrics: ServerMetrics) -> None:
        self._manager, self._metrics = manager, metrics

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:
        return answered(self._metrics, request.model_spec.name, "GetModelStatus", context, lambda: model_status(
            self._manager, request))  # fmt: skip

    def HandleReloadConfigRequest(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = model_management_pb2.ReloadConfigResponse()
        # A refusal is told in the answer's own status, as TF Serving does, and not by the call's.
        try:
            with self._metrics.request("", "HandleReloadConfigRequest"):
                self._manager.reload(request.config)
        except ServingError as error:
            response.status.error_code = error.code.value[0]
            response.status.error_message = error.message
        except Exception as error:
            log.exception("reloading the configuration failed")
            response.status.error_code = grpc.StatusCode.INTERNAL.value[0]
            response.status.error_message = repr(error)
        return response


def model_status(
    manager: Manager, request: get_model_status_pb2.GetModelStatusRequest
) -> get_model_status_pb2.GetModelStatusResponse:
    """Answers GetModelStatus.

    Raises:
        ServingError: NOT_FOUND for an unknown model or version.
    """
    spec = request.model_spec
    choice = spec.WhichOneof("version_choice")
    found = manager.statuses(
        spec.name,
        spec.version.value if choice == "version" else None,
        spec.version_label if choice == "version_label" else None,
    )
    response = get_model_status_pb2.GetModelStatusResponse()
    for version in found:
        status = response.model_version_status.add(version=version.number, state=version.state)
        if version.error:
            status.status.error_code = grpc.StatusCode.INTERNAL.value[0]
            status.status.error_message = version.error
    return response


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
