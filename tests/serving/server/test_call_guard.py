"""Calls that never send a message do not block others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from interestflow.serving.server.call_guard import MAX_STREAMS
from tests.serving.server import small_models
from tests.serving.server.checks import eventually
from tests.serving.server.small_models import Server, Stubs, options, request

PREDICT = "/tensorflow.serving.PredictionService/Predict"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("models")
    small_models.write_scaled(base, 1)
    return base


def silence(left: threading.Event) -> Iterator[bytes]:
    """Send nothing until `left` is set."""
    left.wait(60)
    yield from ()


def is_refused(stubs: Stubs) -> bool:
    try:
        return stubs.scaled([1.0]) != [1.0]
    except grpc.RpcError as error:
        return bool(error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED)


def test_calls_whose_request_does_not_come_are_ended(base: Path) -> None:
    left = threading.Event()
    with (
        Server(options(base, grpc_max_threads=5, grpc_request_seconds=1.0)) as server,
        Stubs(server.port) as stubs,
        Stubs(server.port) as hostile,
    ):
        stalled = [hostile.channel.stream_unary(PREDICT).future(silence(left)) for _ in range(4)]
        assert eventually(lambda: is_refused(stubs))
        assert {call.code() for call in stalled} == {grpc.StatusCode.CANCELLED}
        assert eventually(lambda: not is_refused(stubs))
        left.set()


def test_a_call_without_a_request_is_refused(base: Path) -> None:
    with Server(options(base)) as server, Stubs(server.port) as stubs:
        with pytest.raises(grpc.RpcError) as raised:
            stubs.channel.stream_unary(PREDICT)(iter(()), timeout=60)
        assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert raised.value.details() == "the call should have a request, received none"
        assert stubs.scaled([1.0]) == [1.0]


def test_a_request_that_is_no_message_is_an_error_of_its_own(base: Path) -> None:
    with Server(options(base)) as server, Stubs(server.port) as stubs:
        with pytest.raises(grpc.RpcError):
            stubs.channel.unary_unary(PREDICT)(b"\xff\xff\xff", timeout=60)
        assert stubs.scaled([1.0]) == [1.0]


def test_a_request_may_take_longer_to_answer_than_to_send(base: Path) -> None:
    with Server(options(base, grpc_request_seconds=0.2)) as server, Stubs(server.port) as stubs:
        with server.manager._changed:  # blocks the request while it looks up its version
            call = stubs.prediction.Predict.future(request(x=np.float32([1])))
            threading.Event().wait(1.0)
        assert call.result(20).outputs["y"].float_val[:] == [1.0]


def test_streams_leave_threads_to_requests(base: Path) -> None:
    left = threading.Event()

    def keep_open() -> Iterator[Any]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        left.wait(60)

    with Server(options(base)) as server, Stubs(server.port) as stubs:
        reflection = reflection_pb2_grpc.ServerReflectionStub(stubs.channel)
        streams = [reflection.ServerReflectionInfo(keep_open()) for _ in range(MAX_STREAMS)]
        for stream in streams:
            assert next(stream).list_services_response.service
        watch = health_pb2_grpc.HealthStub(stubs.channel).Watch(health_pb2.HealthCheckRequest(service=""))
        with pytest.raises(grpc.RpcError) as raised:
            next(watch)
        assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert stubs.scaled([1.0]) == [1.0]
        left.set()
        for stream in streams:
            assert list(stream) == []

        def watched() -> int | None:
            try:
                statuses = health_pb2_grpc.HealthStub(stubs.channel).Watch(health_pb2.HealthCheckRequest(service=""))
                return int(next(statuses).status)
            except grpc.RpcError:
                return None

        assert eventually(lambda: watched() == health_pb2.HealthCheckResponse.SERVING)
