"""Every service checks the bytes of a request before it parses them."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from interestflow.serving.server.wire_check import SMALL_BYTES
from tests.serving.server import small_models
from tests.serving.server.hostile_requests import field
from tests.serving.server.small_models import Server, Stubs, options

MANY = field(999, b"") * SMALL_BYTES


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("models")
    small_models.write_scaled(base, 3)
    with Server(options(base, max_expanded_bytes=2**20)) as server:
        yield server


@pytest.fixture
def stubs(server: Server) -> Iterator[Stubs]:
    with Stubs(server.port) as stubs:
        yield stubs


@pytest.mark.parametrize(
    "method",
    ["tensorflow.serving.PredictionService/Predict", "tensorflow.serving.ModelService/GetModelStatus",
     "grpc.health.v1.Health/Check"],
)  # fmt: skip
def test_a_request_that_would_grow_is_refused_and_counted(server: Server, stubs: Stubs, method: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        stubs.channel.unary_unary(f"/{method}")(MANY, timeout=60)
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "at most 16,384 fields and values" in raised.value.details()
    name = method.rpartition("/")[2]
    counted = f'interestflow_requests_total{{method="{name}",model="",status="INVALID_ARGUMENT"}} 1.0'
    assert counted in server.metrics.text().decode()


def test_others_are_answered(stubs: Stubs) -> None:
    assert stubs.scaled([1.0, 2.0]) == [3.0, 6.0]
    check = health_pb2_grpc.HealthStub(stubs.channel).Check
    assert check(health_pb2.HealthCheckRequest(), timeout=60).status == health_pb2.HealthCheckResponse.SERVING
    listing = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    (answer,) = reflection_pb2_grpc.ServerReflectionStub(stubs.channel).ServerReflectionInfo(listing, timeout=60)
    assert answer.list_services_response.service


def test_unknown_methods_and_malformed_requests_have_the_status_that_grpc_gives_them(stubs: Stubs) -> None:
    def code(method: str, content: bytes) -> grpc.StatusCode:
        with pytest.raises(grpc.RpcError) as raised:
            stubs.channel.unary_unary(f"/tensorflow.serving.{method}")(content, timeout=60)
        return raised.value.code()

    assert code("PredictionService/Guess", b"") == grpc.StatusCode.UNIMPLEMENTED
    assert code("PredictionService/Predict", b"\xff\xff") == grpc.StatusCode.INTERNAL
