"""What the client does where versions come and go and servers refuse, on a server that does so at will."""

from __future__ import annotations

import json
import threading
from typing import Any

import grpc
import numpy as np
import pytest
from scripted_server import Refusal, ScriptedServer, metadata_of, prediction_of
from tensorflow_serving.apis import predict_pb2

from serving.client import Client, ClientError, protocol_pb2
from serving.client.channel import GET_METADATA, GET_STATUS, PREDICT
from serving.description import Description

STRING, FLOAT, INT32 = protocol_pb2.DT_STRING, protocol_pb2.DT_FLOAT, protocol_pb2.DT_INT32
INPUTS = {"item": (STRING, [-1]), "history_item": (STRING, [-1, -1])}
DESCRIBE = {"inputs": {"rows": (INT32, [-1])}, "outputs": {"description": (STRING, [-1])}}
NOT_FOUND, INVALID = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT


def text(value: Description) -> bytes:
    return json.dumps(value.as_json()).encode()


class Versions:
    """Versions of a model that takes rows of `inputs`, and answers with how many rows and steps it was sent.

    `descriptions` and `inputs` are by version. `newest` is asked for where a request names no version. `before` is
    called with each request, so that a test can change something just then.
    """

    def __init__(self, descriptions: dict[int, Description | None], inputs: dict[int, Any] | None = None) -> None:
        self.descriptions = descriptions
        self.inputs = inputs or {}
        self.newest = max(descriptions)
        self.before = lambda method, request: None

    def __call__(self, method: str, request: Any) -> Any:
        self.before(method, request)
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else self.newest
        if version not in self.descriptions:
            raise Refusal(NOT_FOUND, f"Servable not found for request: Specific(m, {version})")
        description = self.descriptions[version]
        if method == GET_METADATA:
            inputs = self.inputs.get(version, INPUTS)
            signatures = {"predict": {"inputs": inputs, "outputs": {"rows": (FLOAT, [-1]), "steps": (FLOAT, [-1])}}}
            return metadata_of(version, **signatures, **({} if description is None else {"describe": DESCRIBE}))
        if spec.signature_name == "describe":
            return prediction_of(version, description=np.array([text(description)], object))
        if set(request.inputs) != set(self.inputs.get(version, INPUTS)):
            raise Refusal(INVALID, "input size does not match signature: 2!=3")
        rows, steps = (dimension.size for dimension in request.inputs["history_item"].tensor_shape.dim)
        return prediction_of(version, rows=np.full(rows, rows, np.float32), steps=np.full(rows, steps, np.float32))


def asked(server: ScriptedServer) -> list[tuple[str, int | None]]:
    """The signature of each prediction, and the version that it was asked of."""
    return [
        (request.model_spec.signature_name, request.model_spec.version.value or None)
        for request in server.predictions()
    ]


def short(length: int, max_rows: int = 2) -> Description:
    return Description({"history_item": length}, (), max_rows, ())


ROWS = [{"item": "a", "history_item": ["x"] * 9}] * 3


def test_the_model_is_asked_once_what_it_takes() -> None:
    with ScriptedServer(Versions({1: short(4)})) as server, Client(server.address, "m") as client:
        scores = client.score(ROWS)
        np.testing.assert_array_equal(scores.by_task["steps"], [4, 4, 4])
        np.testing.assert_array_equal(scores.by_task["rows"], [2, 2, 1])
        assert scores.version == 1
        assert asked(server) == [("describe", 1), ("predict", None), ("predict", 1)]
        client.score(ROWS[:1])
        assert asked(server)[3:] == [("predict", None)]
        assert [type(request).__name__ for request in server.requests].count("GetModelMetadataRequest") == 1


def test_a_chosen_version_is_asked_throughout() -> None:
    versions = Versions({1: short(4), 2: short(5)})
    with ScriptedServer(versions) as server, Client(server.address, "m", version=1) as client:
        assert client.score(ROWS).version == 1
        assert asked(server) == [("describe", 1), ("predict", 1), ("predict", 1)]


def test_a_label_is_asked_until_its_version_is_known() -> None:
    with ScriptedServer(Versions({1: short(4)})) as server, Client(server.address, "m", label="stable") as client:
        client.score(ROWS)
        labels = [request.model_spec.version_label for request in server.requests]
        assert labels == ["stable", "", "stable", ""]
        assert asked(server) == [("describe", 1), ("predict", None), ("predict", 1)]


def test_a_new_version_of_the_same_interface_is_taken_as_it_is() -> None:
    versions = Versions({1: short(4)})
    with ScriptedServer(versions) as server, Client(server.address, "m") as client:
        client.score(ROWS)
        versions.descriptions[2], versions.newest = short(4), 2
        before = len(server.requests)
        assert client.score(ROWS).version == 2
        assert [request.model_spec.signature_name for request in server.requests[before:]] == [
            "predict", "", "describe", "predict",
        ]  # fmt: skip
        before = len(server.requests)
        client.score(ROWS)
        assert len(server.requests) == before + 2


def test_a_new_version_of_another_length_is_asked_again_in_its_own() -> None:
    versions = Versions({1: short(4)})
    with ScriptedServer(versions) as server, Client(server.address, "m") as client:
        client.score(ROWS)
        versions.descriptions[2], versions.newest = short(6, max_rows=3), 2
        scores = client.score(ROWS)
        assert scores.version == 2
        np.testing.assert_array_equal(scores.by_task["steps"], [6, 6, 6])
        np.testing.assert_array_equal(scores.by_task["rows"], [3, 3, 3])
        assert asked(server)[-1] == ("predict", 2)


def test_servers_of_two_versions_in_turn_are_each_asked_in_their_own() -> None:
    versions = Versions({1: short(4), 2: short(6)})
    with ScriptedServer(versions) as server, Client(server.address, "m") as client:
        for newest, length in [(2, 6), (1, 4), (2, 6), (1, 4)]:
            versions.newest = newest
            scores = client.score(ROWS)
            assert scores.version == newest
            np.testing.assert_array_equal(scores.by_task["steps"], [length] * 3)
        kinds = [type(request).__name__ for request in server.requests]
        assert kinds.count("GetModelMetadataRequest") == 2  # what was said once of a version is kept


def test_a_new_version_that_takes_other_features_is_asked_with_them() -> None:
    versions = Versions({1: short(4)}, {2: INPUTS | {"price": (FLOAT, [-1])}})
    with ScriptedServer(versions) as server, Client(server.address, "m") as client:
        client.score(ROWS)
        versions.descriptions[2], versions.newest = short(4), 2
        assert client.score(ROWS).version == 2
        assert set(server.predictions()[-1].inputs) == {"item", "history_item", "price"}


@pytest.mark.parametrize("code", [grpc.StatusCode.FAILED_PRECONDITION, INVALID])
def test_a_refusal_makes_the_client_look_for_a_new_version(code: grpc.StatusCode) -> None:
    versions = Versions({1: short(4)})
    with ScriptedServer(versions) as server, Client(server.address, "m") as client:
        client.score(ROWS)

        def refuse(method: str, request: Any) -> None:
            if method == PREDICT and request.model_spec.signature_name == "predict":
                steps = request.inputs["history_item"].tensor_shape.dim[1].size
                if steps != 6:
                    raise Refusal(code, f"6 steps, not {steps}")

        versions.before = refuse
        versions.descriptions[2], versions.newest = short(6), 2
        assert client.score(ROWS[:1]).version == 2


def test_a_refusal_by_the_version_that_is_known_is_final() -> None:
    versions = Versions({1: short(4)})
    with ScriptedServer(versions) as server, Client(server.address, "m") as client:

        def refuse(method: str, request: Any) -> None:
            if method == PREDICT and request.model_spec.signature_name == "predict":
                raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "no such thing")

        versions.before = refuse
        with pytest.raises(ClientError, match=r"^no such thing$") as raised:
            client.score(ROWS)
        assert raised.value.code == grpc.StatusCode.FAILED_PRECONDITION
        assert asked(server) == [("describe", 1), ("predict", None)]


def test_a_feature_of_a_new_version_is_not_refused() -> None:
    versions = Versions({1: short(4)}, {2: INPUTS | {"price": (FLOAT, [-1])}})
    with ScriptedServer(versions) as server, Client(server.address, "m") as client:
        client.score(ROWS)
        with pytest.raises(ClientError, match=r"^rows have price; the model knows history_item, item$"):
            client.score([{"item": "a", "price": 1.0}])
        versions.descriptions[2], versions.newest = short(4), 2
        assert client.score([{"item": "a", "price": 1.0}]).version == 2


def test_where_a_version_leaves_between_two_requests_all_start_over() -> None:
    versions = Versions({1: short(4)})
    with ScriptedServer(versions) as server, Client(server.address, "m") as client:
        client.score(ROWS)

        def leave(method: str, request: Any) -> None:
            if method == PREDICT and request.model_spec.version.value == 1:
                versions.descriptions = {2: short(4)}
                versions.newest = 2

        versions.before = leave
        scores = client.score(ROWS)
        assert scores.version == 2
        np.testing.assert_array_equal(scores.by_task["rows"], [2, 2, 1])
        assert asked(server)[-5:] == [
            ("predict", None),
            ("predict", 1),
            ("describe", 2),
            ("predict", None),
            ("predict", 2),
        ]


def test_where_a_version_leaves_before_it_describes_itself_the_next_one_is_asked() -> None:
    versions = Versions({1: short(4)})

    def leave(method: str, request: Any) -> None:
        if method == PREDICT and request.model_spec.version.value == 1:
            versions.descriptions = {2: short(6)}
            versions.newest = 2

    versions.before = leave
    with ScriptedServer(versions) as server, Client(server.address, "m") as client:
        scores = client.score(ROWS)
        assert scores.version == 2
        np.testing.assert_array_equal(scores.by_task["steps"], [6, 6, 6])


def test_a_chosen_version_that_is_gone_is_final() -> None:
    versions = Versions({1: short(4)})
    with ScriptedServer(versions) as server, Client(server.address, "m", version=1) as client:
        client.score(ROWS)
        versions.descriptions = {2: short(4)}
        with pytest.raises(ClientError, match=r"Specific\(m, 1\)") as raised:
            client.score(ROWS)
        assert raised.value.code == NOT_FOUND


def test_versions_that_leave_again_and_again_are_an_error() -> None:
    versions = Versions({1: short(4)})
    with ScriptedServer(versions) as server, Client(server.address, "m") as client:

        def leave(method: str, request: Any) -> None:
            if method == PREDICT and request.model_spec.version.value == versions.newest \
                    and request.model_spec.signature_name == "predict":  # fmt: skip
                versions.newest += 1
                versions.descriptions = {versions.newest: short(4)}

        versions.before = leave
        with pytest.raises(ClientError, match="Servable not found for request"):
            client.score(ROWS)


def test_many_threads_share_a_client() -> None:
    versions = Versions({1: short(4), 2: short(6)})
    problems: list[Any] = []
    with ScriptedServer(versions) as server, Client(server.address, "m", timeout=20) as client:

        def ask(number: int) -> None:
            for _ in range(20):
                versions.newest = 1 + number % 2
                scores = client.score(ROWS)
                if set(scores.by_task["steps"]) != {2.0 + 2 * scores.version}:
                    problems.append(scores)

        threads = [threading.Thread(target=ask, args=[number]) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not problems


def test_a_model_that_does_not_describe_itself_is_asked_with_rows_as_they_are() -> None:
    with ScriptedServer(Versions({1: None})) as server, Client(server.address, "m") as client:
        scores = client.score(ROWS)
        np.testing.assert_array_equal(scores.by_task["steps"], [9, 9, 9])
        np.testing.assert_array_equal(scores.by_task["rows"], [3, 3, 3])
        assert asked(server) == [("predict", None)]


@pytest.mark.parametrize("content", [b"", b"no JSON", b"[]", b'{"format": 1}'])
def test_a_description_that_is_none_is_an_error(content: bytes) -> None:
    def answer(method: str, request: Any) -> Any:
        if method == GET_METADATA:
            return metadata_of(1, describe=DESCRIBE)
        return prediction_of(1, description=np.array([content], object))

    says = "^m should describe itself as JSON of this project, received"
    with (
        ScriptedServer(answer) as server,
        Client(server.address, "m") as client,
        pytest.raises(ClientError, match=says),
    ):
        client.metadata()


def test_a_description_of_a_later_format_means_no_padding() -> None:
    def answer(method: str, request: Any) -> Any:
        if method == GET_METADATA:
            return metadata_of(1, describe=DESCRIBE)
        return prediction_of(1, description=np.array([b'{"format": 2}'], object))

    with ScriptedServer(answer) as server, Client(server.address, "m") as client:
        assert client.metadata().description is None


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_a_server_without_capacity_is_asked_again(code: grpc.StatusCode) -> None:
    versions = Versions({1: short(4)})
    refusals = iter([3, 2, 1])

    def refuse(method: str, request: Any) -> None:
        if method == PREDICT and request.model_spec.signature_name == "predict" and next(refusals, 0):
            raise Refusal(code, "Server Threadpool Exhausted")

    versions.before = refuse
    with ScriptedServer(versions) as server, Client(server.address, "m", timeout=20, retries=3) as client:
        assert client.score(ROWS[:1]).version == 1
        assert asked(server) == [("describe", 1)] + [("predict", None)] * 4


def test_attempts_end_after_the_retries() -> None:
    def refuse(method: str, request: Any) -> Any:
        raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "Server Threadpool Exhausted")

    with ScriptedServer(refuse) as server, Client(server.address, "m", timeout=20, retries=2) as client:
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
        assert asked(server) == [("describe", 1)]


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
