"""The gRPC service that reports the state of models and changes which models are served."""

from __future__ import annotations

import grpc
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2, model_service_pb2_grpc

from interestflow.serving.server.configuration import AllowReload
from interestflow.serving.server.errors import ServingError, invalid
from interestflow.serving.server.manager import Manager
from interestflow.serving.server.metrics import ServerMetrics
from interestflow.serving.server.prediction_service import answer_call
from interestflow.serving.server.reloader import Reloader


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest.

    Args:
        manager: manager of the models.
        reloader: reloader of the models.
        allow_reload: who may change the models.
        metrics: metrics that count the requests.
    """

    def __init__(self, manager: Manager, reloader: Reloader, allow_reload: AllowReload, metrics: ServerMetrics) -> None:
        """Store what every call needs."""
        self._manager, self._reloader, self._metrics = manager, reloader, metrics
        self._allow_reload = allow_reload

    def GetModelStatus(
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Answer GetModelStatus."""
        return answer_call(self._metrics, request.model_spec.name, "GetModelStatus", context, lambda: model_status(
            self._manager, request))  # fmt: skip

    def HandleReloadConfigRequest(
        self, request: model_management_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> model_management_pb2.ReloadConfigResponse:
        """Answer HandleReloadConfigRequest, once the new models answer."""
        return answer_call(
            self._metrics, "", "HandleReloadConfigRequest", context, lambda: self._reload(request, context)
        )

    def _reload(
        self, request: model_management_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> model_management_pb2.ReloadConfigResponse:
        check_may_reload(self._allow_reload, context)
        self._reloader.reload(request.config, context.is_active)
        response = model_management_pb2.ReloadConfigResponse()
        response.status.SetInParent()
        return response


def check_may_reload(allow_reload: AllowReload, context: grpc.ServicerContext) -> None:
    """Check that the client of a call may change which models are served.

    Raises:
        ServingError: PERMISSION_DENIED where it may not.
    """
    if allow_reload == "anyone":
        return
    if allow_reload == "with-certificate" and context.auth_context().get("x509_pem_cert"):
        return  # the handshake has verified it
    expected = "only clients with a certificate" if allow_reload == "with-certificate" else "nobody"
    raise ServingError(
        grpc.StatusCode.PERMISSION_DENIED,
        f"{expected} may change this server's models by HandleReloadConfigRequest; `--allow-reload` says who may",
    )


def model_status(
    manager: Manager, request: get_model_status_pb2.GetModelStatusRequest
) -> get_model_status_pb2.GetModelStatusResponse:
    """Answer GetModelStatus. Like TensorFlow Serving, this ignores a label in the request.

    Raises:
        ServingError: INVALID_ARGUMENT for a request without a model, NOT_FOUND for an unknown model or version.
    """
    if not request.HasField("model_spec"):
        raise invalid("`model_spec` should be given, received none")
    spec = request.model_spec
    response = get_model_status_pb2.GetModelStatusResponse()
    for version in manager.statuses(spec.name, spec.version.value if spec.HasField("version") else None):
        status = response.model_version_status.add(version=version.number, state=version.state)
        status.status.error_code = version.code.value[0]
        status.status.error_message = version.error
        status.status.SetInParent()
    return response
