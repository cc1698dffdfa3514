"""The server as a whole, on real sockets: reflection, refused requests, and shutdown."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tensorflow_serving.apis import get_model_status_pb2

from interestflow.serving.server.configuration import one_model
from interestflow.serving.server.errors import ServerConfigurationError
from interestflow.serving.server.server import Server
from tests.serving.server import small_models
from tests.serving.server.checks import rpc_error
from tests.serving.server.small_models import Stubs, options, request

NOT_FOUND = grpc.StatusCode.NOT_FOUND


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("models") / "scaled"
    for version in (2, 3):
        small_models.write_scaled(base, version)
    return base


@pytest.fixture(scope="module")
def stubs(base: Path) -> Iterator[Stubs]:
    """Return a server of versions 2 and 3."""
    models = one_model("scaled", str(base))
    models.model_config_list.config[0].model_version_policy.all.SetInParent()
    with Server(options(base, models=models)) as server, Stubs(server.port) as stubs:
        yield stubs


def test_status_of_versions(stubs: Stubs) -> None:
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = "scaled"
    statuses = stubs.models.GetModelStatus(message).model_version_status
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert [(status.version, status.state) for status in statuses] == [(3, available), (2, available)]
    message.model_spec.version.value = 7
    assert rpc_error(lambda: stubs.models.GetModelStatus(message))[0] == NOT_FOUND


def test_reflection_tells_the_services_and_their_messages(stubs: Stubs) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(stubs.channel)
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="tensorflow.serving.PredictionService"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="tensorflow.serving.PredictRequest"),
    ]
    listed, service, message = stub.ServerReflectionInfo(iter(requests))
    names = {service.name for service in listed.list_services_response.service}
    assert {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService", "grpc.health.v1.Health"} <= names
    assert service.file_descriptor_response.file_descriptor_proto
    assert message.file_descriptor_response.file_descriptor_proto


def test_too_large_a_message_is_refused_and_the_server_goes_on(base: Path) -> None:
    with Server(options(base, max_message_bytes=2**20)) as server, Stubs(server.port) as stubs:
        code, says = rpc_error(lambda: stubs.scaled([0.0] * 2**19))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in says
        assert stubs.scaled([1.0]) == [3.0]


def test_requests_beyond_the_threads_are_refused(base: Path) -> None:
    with pytest.raises(ServerConfigurationError, match="`grpc_max_threads` should be at least 2"):
        Server(options(base, grpc_max_threads=1))
    with Server(options(base, grpc_max_threads=3)) as server, Stubs(server.port) as stubs:
        with server.manager._changed:  # blocks the first requests while they look up their version
            running = [stubs.prediction.Predict.future(request(x=np.float32([1]))) for _ in range(2)]
            time.sleep(0.3)
            code, _ = rpc_error(lambda: stubs.prediction.Predict(request(x=np.float32([1])), timeout=5))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert [tf.make_ndarray(call.result().outputs["y"]).tolist() for call in running] == [[3.0], [3.0]]


def test_a_port_that_is_taken_is_named(base: Path) -> None:
    with Server(options(base)) as server:
        second = Server(options(base, port=server.port))
        with pytest.raises(ServerConfigurationError, match=f"the port 127.0.0.1:{server.port} cannot be used"):
            second.start()


def test_stopping_lets_requests_end(base: Path) -> None:
    server = Server(options(base))
    server.start()
    with Stubs(server.port) as stubs:
        answers: list[Any] = []
        with server.manager._changed:
            future = stubs.prediction.Predict.future(request(x=np.float32([1])))
            time.sleep(0.3)
            stopping = threading.Thread(target=server.stop, args=(10.0,))
            stopping.start()
            time.sleep(0.2)
            code, _ = rpc_error(lambda: stubs.prediction.Predict(request(x=np.float32([1])), timeout=5))
        answers = tf.make_ndarray(future.result().outputs["y"]).tolist()
        stopping.join()
    assert code == grpc.StatusCode.UNAVAILABLE
    assert answers == [3.0]
    assert server.wait(0)
