"""Metrics of requests, batches and loads, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from interestflow.serving.server.errors import ServingError

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LOAD_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class ServerMetrics:
    """Metrics of one server, in a registry of their own.

    Clients can put any text into a request. So the label `model` is a name that a version was loaded for, and "" for
    all requests that name another.
    """

    def __init__(self) -> None:
        """Register the metrics."""
        self.registry = registry = CollectorRegistry()

        def counter(name: str, description: str, *labels: str) -> Counter:
            return Counter(f"interestflow_{name}", description, labels, registry=registry)

        def gauge(name: str, description: str, *labels: str) -> Gauge:
            return Gauge(f"interestflow_{name}", description, labels, registry=registry)

        def histogram(name: str, description: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"interestflow_{name}", description, labels, registry=registry, buckets=buckets)

        self._names: set[str] = set()
        self._requests = counter("requests", "Requests answered.", "model", "method", "status")
        self._seconds = histogram("request_seconds", "Time to an answer.", SECONDS, "model", "method")
        self._running = gauge("requests_under_way", "Requests not answered yet.")
        self._missing = counter(
            "requests_missing_feature",
            "Requests with a row that lacks a feature which every training example had.",
            "model",
            "feature",
        )
        self._rows = histogram("batch_rows", "Rows of a batch.", ROWS, "model")
        self._loaded = gauge("version_loaded", "1 for a version that answers.", "model", "version")
        self._loads = histogram("load_seconds", "Time to load and warm up a version.", LOAD_SECONDS, "model")
        self._failures = counter("load_failures", "Attempts to load a version that failed.", "model")

    @contextmanager
    def request(self, model: str, method: str) -> Iterator[None]:
        """Count the code inside as one request."""
        began = time.perf_counter()
        status = grpc.StatusCode.OK
        self._running.inc()
        try:
            yield
        except ServingError as error:
            status = error.code
            raise
        except BaseException:
            status = grpc.StatusCode.INTERNAL
            raise
        finally:
            counted = model if model in self._names else ""
            self._running.dec()
            self._requests.labels(counted, method, status.name).inc()
            self._seconds.labels(counted, method).observe(time.perf_counter() - began)

    def missing_feature(self, model: str, feature: str) -> None:
        """Count a request that lacks a feature of the model's list of features that training always had."""
        self._missing.labels(model, feature).inc()

    def batch(self, model: str, rows: int) -> None:
        """Count a batch."""
        self._rows.labels(model).observe(rows)

    def loaded(self, model: str, version: int, seconds: float) -> None:
        """Count a version that answers from now on, and requests under the name of its model."""
        self._names.add(model)
        self._loaded.labels(model, str(version)).set(1)
        self._loads.labels(model).observe(seconds)

    def failed(self, model: str, version: int) -> None:
        """Count an attempt to load a version that failed."""
        self._failures.labels(model).inc()

    def unloaded(self, model: str, version: int) -> None:
        """Count a version that was unloaded."""
        self._loaded.remove(model, str(version))

    def text(self) -> bytes:
        """Return the page that Prometheus scrapes."""
        return generate_latest(self.registry)
