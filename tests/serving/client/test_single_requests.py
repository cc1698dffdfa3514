"""One request of the client: retries, deadlines, what is sent as it is, answers that do not fit."""

from __future__ import annotations

import threading
from typing import Any

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import predict_pb2

from interestflow.serving.client import Client, ClientError, protocol_pb2
from interestflow.serving.client.channel import GET_METADATA, GET_STATUS, PREDICT
from tests.serving.client.scripted_server import Refusal, ScriptedServer, metadata_of, prediction_of
from tests.serving.client.scripted_versions import FLOAT, INPUTS, ROWS, Versions, received_calls, short


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_a_server_without_capacity_is_asked_again(code: grpc.StatusCode) -> None:
    versions = Versions({1: short(4)})
    refusals = iter([3, 2, 1])

    def refuse(method: str, request: Any) -> None:
        if method == PREDICT and request.model_spec.signature_name == "predict" and next(refusals, 0):
            raise Refusal(code, "Server Threadpool Exhausted")

    versions.before = refuse
    with ScriptedServer(versions) as server, Client(server.address, "m", timeout=60, retries=3) as client:
        assert client.score(ROWS[:1]).version == 1
        assert received_calls(server) == [("describe", 1)] + [("predict", None)] * 4


def test_attempts_end_after_the_retries() -> None:
    def refuse(method: str, request: Any) -> Any:
        raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "Server Threadpool Exhausted")

    with ScriptedServer(refuse) as server, Client(server.address, "m", timeout=60, retries=2) as client:
        with pytest.raises(ClientError, match=r"^Server Threadpool Exhausted$"):
            client.status()
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("code", "details"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "SERVER: Received message larger than max (9 vs. 4)"),
        (grpc.StatusCode.INTERNAL, "broken"),
        (grpc.StatusCode.NOT_FOUND, "Could not find any versions of model m"),
        (grpc.StatusCode.PERMISSION_DENIED, "not you"),
    ],
)
def test_what_will_not_change_is_asked_once(code: grpc.StatusCode, details: str) -> None:
    def refuse(method: str, request: Any) -> Any:
        raise Refusal(code, details)

    with ScriptedServer(refuse) as server, Client(server.address, "m") as client:
        with pytest.raises(ClientError) as raised:
            client.status()
        assert (str(raised.value), raised.value.code) == (details, code)
        assert len(server.requests) == 1


def test_all_requests_of_a_question_have_one_deadline() -> None:
    versions = Versions({1: short(4)})
    released = threading.Event()

    def stall(method: str, request: Any) -> None:
        if (
            method == PREDICT
            and request.model_spec.version.value == 1
            and request.model_spec.signature_name == "predict"
        ):
            released.wait(20)

    versions.before = stall
    with ScriptedServer(versions) as server, Client(server.address, "m", timeout=1) as client:
        with pytest.raises(ClientError, match=f"the server at {server.address} did not answer in time") as raised:
            client.score(ROWS)
        released.set()
        assert raised.value.code == grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ({"rows": np.ones(3)}, "the server should answer `steps`, it answered rows"),
        ({"rows": np.ones(3), "steps": np.ones(2)}, r"`steps` should have 3 values, the server answered shapes \[2\]"),
        ({"rows": np.float32(1), "steps": np.ones(3)}, r"`rows` should have 3 values, the server answered shapes \[\]"),
    ],
)
def test_an_answer_that_does_not_fit_is_one_sentence(outputs: dict[str, np.ndarray], says: str) -> None:
    def answer(method: str, request: Any) -> Any:
        if method == GET_METADATA:
            return metadata_of(
                1, predict={"inputs": INPUTS, "outputs": {"rows": (FLOAT, [-1]), "steps": (FLOAT, [-1])}}
            )
        return prediction_of(1, **outputs)

    with (
        ScriptedServer(answer) as server,
        Client(server.address, "m") as client,
        pytest.raises(ClientError, match=says),
    ):
        client.score(ROWS)


def test_a_request_is_sent_as_it_is_and_answered_in_its_own_message() -> None:
    def answer(method: str, request: Any) -> Any:
        return prediction_of(7, y=np.array([2.0], np.float32))

    with ScriptedServer(answer) as server, Client(server.address, "m") as client:
        for module in (protocol_pb2, predict_pb2):
            request = module.PredictRequest(output_filter=["y"])
            request.model_spec.name = "another"
            request.inputs["x"].dtype = FLOAT
            request.inputs["x"].float_val.append(1.0)
            response = client.predict(request)
            assert type(response) is module.PredictResponse
            assert response.model_spec.version.value == 7
            assert server.requests[-1].SerializeToString(deterministic=True) == \
                request.SerializeToString(deterministic=True)  # fmt: skip


def test_no_request_without_rows_is_sent() -> None:
    with ScriptedServer(Versions({1: short(4)})) as server, Client(server.address, "m") as client:
        assert client.score([]).by_task.keys() == {"rows", "steps"}
        says = r"`x` should have at least one row, received the shape \[0, 3\]"
        with pytest.raises(ClientError, match=says):
            client.run("predict", {"x": np.zeros((0, 3))})
        request = predict_pb2.PredictRequest()
        request.inputs["x"].tensor_shape.dim.add(size=0)
        with pytest.raises(ClientError, match=r"`x` should have at least one row, received the shape \[0\]"):
            client.predict(request)
        assert received_calls(server) == [("describe", 1)]


def test_a_signature_is_run_with_arrays() -> None:
    def answer(method: str, request: Any) -> Any:
        assert request.model_spec.signature_name == "serving_default"
        return prediction_of(3, y=np.array([[1, 2]], np.int32), name=np.array([b"a"], object))

    with ScriptedServer(answer) as server, Client(server.address, "m") as client:
        outputs = client.run("serving_default", {"examples": [b"ends in zero\x00"], "scalar": np.float32(2)})
        assert outputs.version == 3
        np.testing.assert_array_equal(outputs.arrays["y"], [[1, 2]])
        assert outputs.arrays["y"].dtype == np.int32
        assert list(outputs.arrays["name"]) == [b"a"]
        sent = server.predictions()[0].inputs
        assert list(sent["examples"].string_val) == [b"ends in zero\x00"]
        assert not sent["scalar"].tensor_shape.dim


def test_states_that_are_not_known_are_numbers() -> None:
    def answer(method: str, request: Any) -> Any:
        assert method == GET_STATUS
        response = protocol_pb2.GetModelStatusResponse()
        response.model_version_status.add(version=1, state=30)
        response.model_version_status.add(version=2, state=77)
        return response

    with ScriptedServer(answer) as server, Client(server.address, "m") as client:
        assert client.status() == {1: "AVAILABLE", 2: "77"}
        with pytest.raises(ClientError) as raised:
            client.is_healthy()  # TensorFlow Serving has this service behind a flag only
        assert raised.value.code == grpc.StatusCode.UNIMPLEMENTED


def test_a_version_and_a_label_are_one_too_many() -> None:
    with pytest.raises(ClientError, match="one of `version` and `label` should be given, received 3 and 'stable'"):
        Client("localhost:1", "m", version=3, label="stable")
