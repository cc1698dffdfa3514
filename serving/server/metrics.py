"""What the server counts, in Prometheus' form."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from serving.server.errors import ServingError

PATH = "/monitoring/prometheus/metrics"
"""Where TF Serving's own monitoring configuration puts them."""
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LOAD_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class ServerMetrics:
    """Counts requests by model, method and status, and loads by model; a registry of its own for each server."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, says: str, *labels: str) -> Counter:
            return Counter(f"interestflow_{name}", says, labels, registry=registry)

        def gauge(name: str, says: str, *labels: str) -> Gauge:
            return Gauge(f"interestflow_{name}", says, labels, registry=registry)

        def histogram(name: str, says: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"interestflow_{name}", says, labels, registry=registry, buckets=buckets)

        self._requests = counter("requests", "Requests answered.", "model", "method", "status")
        self._seconds = histogram("request_seconds", "Time to an answer.", SECONDS, "model", "method")
        self._under_way = gauge("requests_under_way", "Requests not answered yet.")
        self._rows = histogram("batch_rows", "Rows of a batch.", ROWS, "model")
        self._loaded = gauge("version_loaded", "1 for a version that answers.", "model", "version")
        self._loads = histogram("load_seconds", "Time to load and warm up a version.", LOAD_SECONDS, "model")
        self._failures = counter("load_failures", "Versions that could not be loaded.", "model")

    @contextmanager
    def request(self, model: str, method: str) -> Iterator[None]:
        """Counts what happens inside as one request. A model that is not there is counted under ""."""
        began = time.perf_counter()
        status, counted = grpc.StatusCode.OK, model
        self._under_way.inc()
        try:
            yield
        except ServingError as error:
            status = error.code
            # Names that clients make up must not grow what is kept here.
            counted = "" if error.code == grpc.StatusCode.NOT_FOUND else model
            raise
        except BaseException:
            status = grpc.StatusCode.INTERNAL
            raise
        finally:
            self._under_way.dec()
            self._requests.labels(counted, method, status.name).inc()
            self._seconds.labels(counted, method).observe(time.perf_counter() - began)

    def batch(self, model: str, rows: int) -> None:
        self._rows.labels(model).observe(rows)

    def loaded(self, model: str, version: int, seconds: float) -> None:
        self._loaded.labels(model, str(version)).set(1)
        self._loads.labels(model).observe(seconds)

    def failed(self, model: str, version: int) -> None:
        self._failures.labels(model).inc()

    def unloaded(self, model: str, version: int) -> None:
        self._loaded.remove(model, str(version))

    def text(self) -> bytes:
        """All of it, as Prometheus scrapes it."""
        return generate_latest(self.registry)
