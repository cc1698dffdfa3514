"""All of it together: gRPC, health, reflection, REST, and a stop that lets requests end."""

from __future__ import annotations

import contextlib
import logging
import threading
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from serving.server.batching import Batcher, Unbatched
from serving.server.configuration import TLS, ServerOptions
from serving.server.errors import ServerConfigurationError, ServingError
from serving.server.manager import Manager
from serving.server.metrics import ServerMetrics
from serving.server.model_service import ModelService
from serving.server.rest import RestServer
from serving.server.servable import LoadError, Servable
from serving.server.services import PredictionService
from serving.warm_up import read_warm_up

# Under protobuf 6 these two cannot be imported to the end, but what reflection needs, their descriptors, is there by
# then (docs/decisions.md).
for _name in ("prediction_service_pb2", "model_service_pb2"):
    with contextlib.suppress(AttributeError):
        __import__(f"tensorflow_serving.apis.{_name}")

log = logging.getLogger("interestflow.serving")
SERVICES = ("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
HEALTH_SECONDS = 0.5


class Server:
    """A model server; `with Server(options) as server:` starts it, and stops it at the end.

    Args:
        options: what to serve and how.

    Attributes:
        port: of gRPC, once it is started.
        rest_port: of REST, or None.
        manager: of the models.

    Raises:
        ServerConfigurationError: on `start`, for a port or a certificate that cannot be used.
    """

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self.metrics = ServerMetrics()
        self.runner: Batcher | Unbatched = (
            Unbatched() if options.batching is None else Batcher(options.batching, self.metrics.batch)
        )
        self.manager = Manager(
            options.models,
            poll_seconds=options.poll_seconds,
            drain_seconds=options.drain_seconds,
            warm_up=warm_up,
            observer=self.metrics,
        )
        self.port = 0
        self.rest_port: int | None = None
        self._rest: RestServer | None = None
        self._stopped = threading.Event()
        self._health = health.HealthServicer()
        self._grpc = grpc.server(
            futures.ThreadPoolExecutor(max_workers=options.grpc_max_threads, thread_name_prefix="grpc"),
            maximum_concurrent_rpcs=max(options.grpc_max_threads - 1, 1),
            options=[
                ("grpc.max_receive_message_length", options.max_message_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),  # a port that is taken is an error, not shared
            ],
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            PredictionService(self.manager, self.runner, self.metrics), self._grpc
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(self.manager, self.metrics), self._grpc)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._grpc)

    def start(self) -> None:
        """Listens, loads what there is, and returns; requests that come before are answered UNAVAILABLE."""
        self.port = self._listen()
        self._tell_health()
        self._grpc.start()
        if self.options.rest_port is not None:
            self._rest = RestServer(self.manager, self.runner, self.metrics, self.options)
            self.rest_port = self._rest.port
        self.manager.start()
        self._tell_health()
        threading.Thread(target=self._keep_telling_health, name="health", daemon=True).start()

    def wait(self, timeout: float | None = None) -> bool:
        """Until it is stopped; whether it was."""
        return self._stopped.wait(timeout)

    def stop(self, grace: float | None = None) -> None:
        """Takes no more requests, lets those under way end for `grace` seconds, and ends."""
        grace = self.options.drain_seconds if grace is None else grace
        if self._stopped.is_set():
            return
        self._health.enter_graceful_shutdown()
        ended = self._grpc.stop(grace)
        if self._rest is not None:
            self._rest.stop(grace)
        ended.wait()
        self.manager.stop()
        self.runner.stop()
        self._stopped.set()

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop(grace=1.0)

    def _listen(self) -> int:
        address = f"{self.options.host}:{self.options.port}"
        try:
            if self.options.tls is None:
                return int(self._grpc.add_insecure_port(address))
            return int(self._grpc.add_secure_port(address, _credentials(self.options.tls)))
        except RuntimeError:
            raise ServerConfigurationError(f"the port {address} cannot be used: it is taken, or not ours") from None

    def _keep_telling_health(self) -> None:
        while not self._stopped.wait(HEALTH_SECONDS):
            self._tell_health()

    def _tell_health(self) -> None:
        """Of each model under its name, and under "" of all together."""
        available = self.manager.available()
        serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
        for name, versions in available.items():
            self._health.set(name, serving if versions else not_serving)
        everything = bool(available) and all(available.values())
        self._health.set("", serving if everything else not_serving)


def warm_up(servable: Servable) -> None:
    """Answers the requests that lie beside the model, before anybody else's.

    Raises:
        LoadError: where one of them cannot be answered: the version is not fit to serve.
    """
    for number, record in enumerate(read_warm_up(servable.folder)):
        kind = record.WhichOneof("log_type")
        if kind != "predict_log":
            continue
        request = record.predict_log.request
        key = request.model_spec.signature_name
        try:
            servable.run(key, servable.inputs(key, request.inputs))
        except ServingError as error:
            raise LoadError(f"warm-up request {number} cannot be answered: {error.message}") from error


def _credentials(tls: TLS) -> grpc.ServerCredentials:
    def content(path: str) -> bytes:
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise ServerConfigurationError(f"{path} cannot be read: {error.strerror}") from None

    authority = None if tls.client_authority is None else content(tls.client_authority)
    return grpc.ssl_server_credentials(
        [(content(tls.key), content(tls.certificate))],
        root_certificates=authority,
        require_client_auth=authority is not None,
    )
