"""gRPC's health service, with the names that TensorFlow Serving has."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from interestflow.serving.server.health_reporter import CHECK_SECONDS
from tests.serving.server import small_models
from tests.serving.server.checks import eventually
from tests.serving.server.small_models import Server, Stubs, options

Status = health_pb2.HealthCheckResponse


def check(stubs: Stubs, service: str) -> int:
    stub = health_pb2_grpc.HealthStub(stubs.channel)
    return int(stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=60).status)


def test_a_server_is_healthy_once_its_models_answer(tmp_path: Path) -> None:
    with Server(options(tmp_path / "scaled")) as server, Stubs(server.port) as stubs:
        assert {check(stubs, name) for name in ("", "PredictionService", "ModelService")} == {Status.NOT_SERVING}
        for name in ("tensorflow.serving.PredictionService", "scaled"):
            with pytest.raises(grpc.RpcError) as raised:
                check(stubs, name)
            assert raised.value.code() == grpc.StatusCode.NOT_FOUND
        small_models.write_scaled(tmp_path / "coming", 1).rename(tmp_path / "version")
        (tmp_path / "scaled").mkdir()
        (tmp_path / "version").rename(tmp_path / "scaled" / "1")
        assert eventually(lambda: check(stubs, "") == Status.SERVING)
        assert check(stubs, "PredictionService") == Status.SERVING


def test_the_service_can_be_left_out(tmp_path: Path) -> None:
    with Server(options(tmp_path, health_service=False)) as server, Stubs(server.port) as stubs:
        with pytest.raises(grpc.RpcError) as raised:
            check(stubs, "")
        assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_who_watches_is_told_of_changes_alone(tmp_path: Path) -> None:
    small_models.write_scaled(tmp_path, 1)
    statuses: list[int] = []
    with Server(options(tmp_path)) as server, Stubs(server.port) as stubs:
        watch = health_pb2_grpc.HealthStub(stubs.channel).Watch(health_pb2.HealthCheckRequest(service=""))

        def read() -> None:
            with contextlib.suppress(grpc.RpcError):
                for response in watch:
                    statuses.append(response.status)

        reading = threading.Thread(target=read)
        reading.start()
        assert eventually(lambda: statuses == [Status.SERVING])
        time.sleep(3 * CHECK_SECONDS)
        assert statuses == [Status.SERVING]
        shutil.rmtree(tmp_path / "1")
        assert eventually(lambda: statuses == [Status.SERVING, Status.NOT_SERVING])
        watch.cancel()
        reading.join(20)
