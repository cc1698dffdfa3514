"""The model server: gRPC, REST and the models behind both, started and stopped together."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from concurrent import futures
from types import TracebackType
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from interestflow.serving.certificates import CertificateError, ServerCertificates, read_certificates
from interestflow.serving.server.batching import Batcher, UnbatchedRunner
from interestflow.serving.server.call_guard import CallGuard
from interestflow.serving.server.configuration import TLS, ServerOptions
from interestflow.serving.server.descriptors import connection_limit, raise_descriptor_limit
from interestflow.serving.server.errors import ServerConfigurationError
from interestflow.serving.server.health_reporter import HealthReporter
from interestflow.serving.server.manager import Manager
from interestflow.serving.server.metrics import ServerMetrics
from interestflow.serving.server.model_service import ModelService
from interestflow.serving.server.models_file import ModelsFile
from interestflow.serving.server.prediction_service import PredictionService
from interestflow.serving.server.reloader import Reloader
from interestflow.serving.server.request_interceptor import RequestInterceptor
from interestflow.serving.server.rest import RestServer
from interestflow.serving.server.warm_up_replay import replay_warm_up

# Under protobuf 6 these two cannot be imported to the end, but what reflection needs, their descriptors, is there by
# then (docs/decisions/dependencies.md).
for _name in ("prediction_service_pb2", "model_service_pb2"):
    with contextlib.suppress(AttributeError):
        __import__(f"tensorflow_serving.apis.{_name}")

log = logging.getLogger("interestflow.serving")
SERVICES = ("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
HANDSHAKE_MILLISECONDS = 10_000
IDLE_MILLISECONDS = 300_000
"""Time after which a connection without a call is closed; clients connect anew when they need it."""
END_SECONDS = 1.0
"""Time for each part of the server to end once the grace period is over."""


class Server:
    """A model server; `with Server(options) as server:` starts it, and stops it at the end.

    Example:
        with Server(ServerOptions(one_model("demo", "/models/demo"))) as server:
            Client(f"localhost:{server.port}", "demo").rank(...)

    Args:
        options: models to serve, and all settings.

    Attributes:
        options: options as given, with the number of HTTP connections that the process has file descriptors for.
        port: port of gRPC, once started.
        rest_port: port of REST, or None.
        manager: manager of the models.
        reloader: reloader, which changes the set of models.
        models_file: poller of `models.config`; None where the options do not ask for it.

    Raises:
        ServerConfigurationError: for options that contradict each other; by `start` also for a port, certificate or
            key that cannot be used.
    """

    def __init__(self, options: ServerOptions) -> None:
        """Build all parts; `start` begins to listen and load."""
        check_options(options)
        descriptors = raise_descriptor_limit()
        if options.max_http_connections is None:
            options = dataclasses.replace(options, max_http_connections=connection_limit(descriptors))
        self.options = options
        self.metrics = ServerMetrics()
        self.runner: Batcher | UnbatchedRunner = (
            UnbatchedRunner() if options.batching is None else Batcher(options.batching, self.metrics.batch)
        )
        self.manager = Manager(options, lambda servable: replay_warm_up(servable, self.runner), self.metrics)
        self.reloader = Reloader(self.manager, options.allow_labels_for_unavailable_versions)
        self.models_file: ModelsFile | None = None
        if options.models_path is not None and options.models_poll_seconds > 0:
            self.models_file = ModelsFile(options.models_path, options.models_poll_seconds, self.reloader)
        self.port = 0
        self.rest_port: int | None = None
        self._rest: RestServer | None = None
        self._stopped = threading.Event()
        self._health = HealthReporter(self.manager)
        self._guard = CallGuard(options.grpc_request_seconds)
        self._grpc = self._build_grpc(descriptors)

    def start(self) -> None:
        """Listen, and load the models."""
        self.listen()
        self.load()

    def listen(self) -> None:
        """Listen on the ports. Requests are answered UNAVAILABLE until the models are loaded.

        Raises:
            ServerConfigurationError: for a port, certificate or key that cannot be used.
        """
        certificates = None if self.options.tls is None else read_tls(self.options.tls)
        try:
            self.port = self._listen(certificates)
            self._grpc.start()
            self._guard.start()
            if self.options.rest_port is not None:
                self._rest = RestServer(self.manager, self.runner, self.metrics, self.options)
                self.rest_port = self._rest.port
        except ServerConfigurationError:
            self._grpc.stop(0)
            raise

    def load(self) -> None:
        """Load the models, and poll for new versions from then on."""
        self.manager.start()
        self._health.start()
        if self.models_file is not None:
            self.models_file.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the server is stopped, for `timeout` seconds at most; return whether it is."""
        return self._stopped.wait(timeout)

    def stop(self, grace: float | None = None) -> bool:
        """Accept no more requests, wait for those that run, and stop.

        Args:
            grace: seconds that running requests have to end; the options' `drain_seconds` where None. Two seconds later
                this returns, even if some are still running.

        Returns:
            Whether all of them have ended.
        """
        if self._stopped.is_set():
            return True
        grace = self.options.drain_seconds if grace is None else grace
        end = time.monotonic() + grace + END_SECONDS
        self._health.stop()
        if self.models_file is not None:
            self.models_file.stop()
        grpc_ended = self._grpc.stop(grace)
        parts: list[tuple[str, Callable[[], Any]]] = [("versions", self.manager.stop), ("gRPC", grpc_ended.wait)]
        if self._rest is not None:
            rest = self._rest
            parts.append(("REST", lambda: rest.stop(grace)))
        has_ended = _run_until(parts, end)
        # The batches that requests wait for run until all requests have ended.
        has_ended = _run_until([("batches", self.runner.stop)], end + END_SECONDS / 2) and has_ended
        self._guard.stop()
        self._stopped.set()
        return has_ended and not self.manager.in_use()

    def __enter__(self) -> Server:
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the server, with a grace period of a second."""
        self.stop(grace=1.0)

    def _build_grpc(self, descriptors: int) -> grpc.Server:
        options = self.options
        server = grpc.server(
            futures.ThreadPoolExecutor(max_workers=options.grpc_max_threads, thread_name_prefix="grpc"),
            interceptors=[self._guard, RequestInterceptor(options.max_expanded_bytes, self.metrics)],
            # As in TensorFlow Serving, one of the threads accepts calls.
            maximum_concurrent_rpcs=max(options.grpc_max_threads - 1, 1),
            options=[
                ("grpc.max_receive_message_length", options.max_message_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_allowed_incoming_connections", connection_limit(descriptors)),
                ("grpc.server_handshake_timeout_ms", HANDSHAKE_MILLISECONDS),
                ("grpc.max_connection_idle_ms", IDLE_MILLISECONDS),
                ("grpc.so_reuseport", 0),  # an occupied port is an error; it is not shared
            ],
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            PredictionService(
                self.manager,
                self.runner,
                self.metrics,
                options.serialize_as_tensor_content,
                options.check_method_name,
            ),
            server,
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            ModelService(self.manager, self.reloader, options.allow_reload, self.metrics), server
        )
        names = [*SERVICES, reflection.SERVICE_NAME]
        if options.health_service:
            health_pb2_grpc.add_HealthServicer_to_server(self._health.servicer, server)
            names.append(health.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        return server

    def _listen(self, certificates: ServerCertificates | None) -> int:
        address = f"{self.options.host}:{self.options.port}"
        try:
            if certificates is None:
                return int(self._grpc.add_insecure_port(address))
            credentials = grpc.ssl_server_credentials(
                [(certificates.key, certificates.certificate)],
                root_certificates=certificates.client_authority,
                require_client_auth=certificates.client_authority is not None,
            )
            return int(self._grpc.add_secure_port(address, credentials))
        except RuntimeError:
            raise ServerConfigurationError(f"the port {address} cannot be used: it is taken, or not ours") from None


def check_options(options: ServerOptions) -> None:
    """Check that the options do not contradict one another.

    Raises:
        ServerConfigurationError: where they cannot.
    """
    if options.allow_reload == "with-certificate" and (options.tls is None or options.tls.client_authority is None):
        raise ServerConfigurationError(
            "`allow_reload` should only be with-certificate where clients' certificates are checked: give a client "
            "authority as well"
        )
    if options.grpc_max_threads < 2:
        raise ServerConfigurationError(
            f"`grpc_max_threads` should be at least 2, since one accepts calls, received {options.grpc_max_threads}"
        )
    labelled = [entry.name for entry in options.models.model_config_list.config if entry.version_labels]
    if labelled and not options.allow_labels_for_unavailable_versions:
        raise ServerConfigurationError(
            f"{labelled[0]} should have no labels at the start, when no version is loaded, unless "
            "`allow_labels_for_unavailable_versions` is given"
        )


def read_tls(tls: TLS) -> ServerCertificates:
    """Read and check the files of TLS.

    Raises:
        ServerConfigurationError: naming the file that cannot be used and why.
    """
    try:
        return read_certificates(tls.certificate, tls.key, tls.client_authority)
    except CertificateError as error:
        raise ServerConfigurationError(str(error)) from None


def _run_until(parts: list[tuple[str, Callable[[], Any]]], end: float) -> bool:
    """Run each of `parts` in a thread; return whether all of them ended by the monotonic time `end`."""

    def run(name: str, part: Callable[[], Any]) -> None:
        try:
            part()
        except Exception:  # the other parts stop nevertheless
            log.exception("%s did not stop as it should", name)

    threads = [threading.Thread(target=run, args=part, name=f"stop {part[0]}", daemon=True) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)
