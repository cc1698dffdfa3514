"""The gRPC service that tells the state of models and changes which are served."""

from __future__ import annotations

import logging
from typing import Any

import grpc
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2, model_service_pb2_grpc

from serving.server.errors import ServingError
from serving.server.manager import Manager
from serving.server.metrics import ServerMetrics
from serving.server.services import answered

log = logging.getLogger("interestflow.serving")


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
