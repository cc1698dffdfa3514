"""The client adapts to versions of the model that come and go."""

from __future__ import annotations

import threading
from typing import Any

import grpc
import numpy as np
import pytest

from interestflow.serving.client import Client, ClientError
from interestflow.serving.client.channel import GET_METADATA, PREDICT
from tests.serving.client.scripted_server import Refusal, ScriptedServer, metadata_of, prediction_of
from tests.serving.client.scripted_versions import (
    DESCRIBE,
    FLOAT,
    INPUTS,
    INVALID,
    NOT_FOUND,
    ROWS,
    Versions,
    received_calls,
    short,
)


def test_the_model_is_asked_once_what_it_takes() -> None:
    with ScriptedServer(Versions({1: short(4)})) as server, Client(server.address, "m") as client:
        scores = client.score(ROWS)
        np.testing.assert_array_equal(scores.by_task["steps"], [4, 4, 4])
        np.testing.assert_array_equal(scores.by_task["rows"], [2, 2, 1])
        assert scores.version == 1
        assert received_calls(server) == [("describe", 1), ("predict", None), ("predict", 1)]
        client.score(ROWS[:1])
        assert received_calls(server)[3:] == [("predict", None)]
        assert [type(request).__name__ for request in server.requests].count("GetModelMetadataRequest") == 1


def test_a_chosen_version_is_asked_throughout() -> None:
    versions = Versions({1: short(4), 2: short(5)})
    with ScriptedServer(versions) as server, Client(server.address, "m", version=1) as client:
        assert client.score(ROWS).version == 1
        assert received_calls(server) == [("describe", 1), ("predict", 1), ("predict", 1)]


def test_a_label_is_asked_until_its_version_is_known() -> None:
    with ScriptedServer(Versions({1: short(4)})) as server, Client(server.address, "m", label="stable") as client:
        client.score(ROWS)
        labels = [request.model_spec.version_label for request in server.requests]
        assert labels == ["stable", "", "stable", ""]
        assert received_calls(server) == [("describe", 1), ("predict", None), ("predict", 1)]


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
        assert received_calls(server)[-1] == ("predict", 2)


def test_servers_of_two_versions_in_turn_are_each_asked_in_their_own() -> None:
    versions = Versions({1: short(4), 2: short(6)})
    with ScriptedServer(versions) as server, Client(server.address, "m") as client:
        for newest, length in [(2, 6), (1, 4), (2, 6), (1, 4)]:
            versions.newest = newest
            scores = client.score(ROWS)
            assert scores.version == newest
            np.testing.assert_array_equal(scores.by_task["steps"], [length] * 3)
        kinds = [type(request).__name__ for request in server.requests]
        assert kinds.count("GetModelMetadataRequest") == 2  # the metadata of a version are cached


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
        assert received_calls(server) == [("describe", 1), ("predict", None)]


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
        assert received_calls(server)[-5:] == [
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
    with ScriptedServer(versions) as server, Client(server.address, "m", timeout=60) as client:

        def ask(index: int) -> None:
            for _ in range(20):
                versions.newest = 1 + index % 2
                scores = client.score(ROWS)
                if set(scores.by_task["steps"]) != {2.0 + 2 * scores.version}:
                    problems.append(scores)

        threads = [threading.Thread(target=ask, args=[index]) for index in range(6)]
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
        assert received_calls(server) == [("predict", None)]


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
