"""gRPC's standard health service, with the service names of TensorFlow Serving."""

from __future__ import annotations

import threading

from grpc_health.v1 import health, health_pb2

from interestflow.serving.server.manager import Manager

SERVICES = ("", "PredictionService", "ModelService")
CHECK_SECONDS = 0.5


class HealthReporter:
    """Keeps a health servicer up to date in a thread: SERVING while every model has a version that answers.

    TensorFlow Serving does not listen before that, and knows the same names.

    Args:
        manager: manager of the models.

    Attributes:
        servicer: servicer to add to a gRPC server.
    """

    def __init__(self, manager: Manager) -> None:
        """Create the servicer; `start` begins to report."""
        self.servicer = health.HealthServicer()
        self._manager = manager
        self._status: int | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        """Report the current status, and its changes from now on."""
        self.update()
        threading.Thread(target=self._keep_reporting, name="health", daemon=True).start()

    def stop(self) -> None:
        """Report that nothing is served, and stop."""
        self._stopping.set()
        self.servicer.enter_graceful_shutdown()

    def update(self) -> None:
        """Report the current status."""
        available = self._manager.available()
        is_serving = bool(available) and all(available.values())
        status = health_pb2.HealthCheckResponse.SERVING if is_serving else health_pb2.HealthCheckResponse.NOT_SERVING
        if status == self._status:
            return  # watchers are notified of changes only
        self._status = status
        for name in SERVICES:
            self.servicer.set(name, status)

    def _keep_reporting(self) -> None:
        while not self._stopping.wait(CHECK_SECONDS):
            self.update()
