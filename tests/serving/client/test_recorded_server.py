"""The client against the recordings of the real TensorFlow Serving.

The server here knows only the recorded requests, to the byte, and answers each as the real one did. So whatever passes
here is a request that the real server was asked, and an answer that it gave.
"""

from __future__ import annotations

import math
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from interestflow.serving.client import Client, ClientError, protocol_pb2
from interestflow.serving.client.arrays import to_array
from interestflow.serving.client.channel import GET_METADATA, GET_STATUS, PREDICT
from interestflow.serving.client.metadata import Metadata
from interestflow.serving.client.results import to_text
from tests.serving.client.scripted_server import Refusal, ScriptedServer, metadata_of, prediction_of
from tests.serving.conformance.replay.recordings import load_recording

MESSAGES = {
    "PredictionService/Predict": (PREDICT, predict_pb2.PredictRequest, predict_pb2.PredictResponse),
    "PredictionService/GetModelMetadata": (
        GET_METADATA,
        get_model_metadata_pb2.GetModelMetadataRequest,
        get_model_metadata_pb2.GetModelMetadataResponse,
    ),
    "ModelService/GetModelStatus": (
        GET_STATUS,
        get_model_status_pb2.GetModelStatusRequest,
        get_model_status_pb2.GetModelStatusResponse,
    ),
}
CASES = {
    case["id"]: case
    for name in ("grpc_predict", "grpc_metadata_status")
    for case in load_recording(name).cases
    if case["api"] == "grpc" and case.get("method") in MESSAGES and "request" in case and "repeat" not in case
    and not case.get("answer_size")
}  # fmt: skip


def content(message: Any) -> bytes:
    """Return the same bytes for equal messages."""
    return bytes(message.SerializeToString(deterministic=True))


def recorded_request(case: dict[str, Any]) -> Any:
    return json_format.ParseDict(case["request"], MESSAGES[case["method"]][1]())


ANSWERS: dict[tuple[str, bytes], dict[str, Any]] = {
    (MESSAGES[case["method"]][0], content(recorded_request(case))): case for case in CASES.values()
}


def answer_as_recorded(method: str, request: Any) -> Any:
    case = ANSWERS.get((method, content(request)))
    if case is None:
        raise Refusal(grpc.StatusCode.UNKNOWN, f"not recorded: {request}"[:500])
    if case["answer"]["code"] != "OK":
        raise Refusal(grpc.StatusCode[case["answer"]["code"]], case["answer"]["message"])
    return json_format.ParseDict(case["answer"]["response"], MESSAGES[case["method"]][2]())


@pytest.fixture(scope="module")
def server() -> Any:
    with ScriptedServer(answer_as_recorded) as server:
        yield server


def client(server: ScriptedServer, model: str, **options: Any) -> Client:
    return Client(server.address, model, timeout=60, **options)


def arrays_of(case: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: to_array(name, proto) for name, proto in recorded_request(case).inputs.items()}


def outputs_of(case: dict[str, Any]) -> dict[str, np.ndarray]:
    response = json_format.ParseDict(case["answer"]["response"], predict_pb2.PredictResponse())
    return {name: to_array(name, proto) for name, proto in response.outputs.items()}


def rows_of(arrays: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Return rows as an application has them."""
    count = len(next(iter(arrays.values())))
    rows: list[dict[str, Any]] = [{} for _ in range(count)]
    for name, array in arrays.items():
        for row, values in zip(rows, array.tolist(), strict=True):
            row[name] = values
    return rows


def split_user(arrays: dict[str, np.ndarray]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the user and the candidates of a request to rank."""
    candidate = {"item", "category", "price", "tags"}
    user = rows_of({name: array for name, array in arrays.items() if name not in candidate})[0]
    return user, rows_of({name: array[0] for name, array in arrays.items() if name in candidate})


@pytest.mark.parametrize(
    "name",
    [
        "predict/rank-one-user-one-candidate",
        "predict/rank-one-user-many",
        "predict/rank-cold-user-length-0",
        "predict/rank-long-history",
        "predict/rank-no-tags",
        "predict/non-utf8-item",
        "predict/nan-price",
        "predict/rank-cold-user-padding-only",
    ],
)
def test_candidates_are_ranked(server: ScriptedServer, name: str) -> None:
    case = CASES[name]
    arrays = arrays_of(case)
    user, candidates = split_user(arrays)
    with client(server, case["request"]["model_spec"]["name"]) as model_client:
        ranking = model_client.rank(user, candidates)
    for task, values in outputs_of(case).items():
        np.testing.assert_array_equal(ranking.by_task[task], values[0])
    assert ranking.version == int(case["answer"]["response"]["model_spec"]["version"])
    assert ranking.candidates == tuple(to_text(item) for item in arrays["item"][0])


@pytest.mark.parametrize(
    "name", ["predict/predict-one", "predict/predict-many", "predict/predict-cold", "tasks/predict"]
)
def test_rows_are_scored(server: ScriptedServer, name: str) -> None:
    case = CASES[name]
    with client(server, case["request"]["model_spec"]["name"]) as model_client:
        scores = model_client.score(rows_of(arrays_of(case)))
    assert scores.by_task.keys() == outputs_of(case).keys()
    for task, values in outputs_of(case).items():
        np.testing.assert_array_equal(scores.by_task[task], values)


@pytest.mark.parametrize(
    "name", ["matcher/retrieve-one", "matcher/retrieve-cold", "matcher/retrieve-more-than-there-are"]
)
def test_items_are_retrieved(server: ScriptedServer, name: str) -> None:
    arrays, outputs = arrays_of(CASES[name]), outputs_of(CASES[name])
    count = int(arrays.pop("k")[0])
    with client(server, "matcher") as model_client:
        retrieved = model_client.retrieve(rows_of(arrays)[0], count)
    is_item = outputs["items"][0] != b""
    assert retrieved.items == tuple(to_text(item) for item in outputs["items"][0][is_item])
    np.testing.assert_array_equal(retrieved.scores, outputs["scores"][0][is_item])


def test_users_and_items_are_encoded(server: ScriptedServer) -> None:
    with client(server, "matcher") as model_client:
        for name in ("matcher/encode-user", "matcher/encode-user-cold"):
            vectors = model_client.encode_user(rows_of(arrays_of(CASES[name]))).vectors
            np.testing.assert_array_equal(vectors, outputs_of(CASES[name])["user"])
        vectors = model_client.encode_items(rows_of(arrays_of(CASES["matcher/encode-items"]))).vectors
        np.testing.assert_array_equal(vectors, outputs_of(CASES["matcher/encode-items"])["item"])
        assert (
            model_client.encode_items([]).vectors.shape == outputs_of(CASES["matcher/encode-items-none"])["item"].shape
        )


@pytest.mark.parametrize(
    "name",
    ["predict/default-by-name", "double/signature-kinds", "double/signature-total", "double/signature-scalar",
     "double/signature-one", "double/nan-and-infinity"],
)  # fmt: skip
def test_arrays_are_sent_as_they_are(server: ScriptedServer, name: str) -> None:
    case = CASES[name]
    spec = case["request"]["model_spec"]
    with client(server, spec["name"]) as model_client:
        outputs = model_client.run(spec.get("signature_name", ""), arrays_of(case))
    assert outputs.arrays.keys() == outputs_of(case).keys()
    for key, values in outputs_of(case).items():
        np.testing.assert_array_equal(outputs.arrays[key], values)


ANSWERED = [name for name, case in CASES.items() if case["method"] == "PredictionService/Predict"]


@pytest.mark.parametrize("name", ANSWERED)
def test_every_recorded_request_is_answered_as_recorded(server: ScriptedServer, name: str) -> None:
    case = CASES[name]
    request = recorded_request(case)
    with client(server, "double") as model_client:
        if any(proto.tensor_shape.dim and not proto.tensor_shape.dim[0].size for proto in request.inputs.values()):
            with pytest.raises(ClientError, match="should have at least one row"):
                model_client.predict(request)
        elif case["answer"]["code"] == "OK":
            expected = json_format.ParseDict(case["answer"]["response"], predict_pb2.PredictResponse())
            assert content(model_client.predict(request)) == content(expected)
            assert outputs_of(case).keys() == set(expected.outputs)
        else:
            with pytest.raises(ClientError) as raised:
                model_client.predict(request)
            assert raised.value.code == grpc.StatusCode[case["answer"]["code"]]


def test_versions_labels_and_states(server: ScriptedServer) -> None:
    with client(server, "double") as model_client:
        assert model_client.metadata().version == 2
        assert model_client.status() == {2: "AVAILABLE", 1: "AVAILABLE"}
    with client(server, "double", version=1) as model_client:
        assert model_client.metadata().version == 1
        assert model_client.status() == {1: "AVAILABLE"}
    with client(server, "double", label="canary") as model_client:
        assert model_client.metadata().version == 2
    for options, code in (({"version": 9}, "NOT_FOUND"), ({"label": "beta"}, "INVALID_ARGUMENT")):
        with client(server, "double", **options) as model_client, pytest.raises(ClientError) as raised:
            model_client.metadata()
        assert raised.value.code == grpc.StatusCode[code]
    with client(server, "nobody") as model_client:
        for ask in (model_client.metadata, model_client.status, lambda: model_client.rank({}, ["a"])):
            with pytest.raises(ClientError) as raised:
                ask()
            assert raised.value.code == grpc.StatusCode.NOT_FOUND


def forms(inputs: Any) -> dict[str, tuple[int, int, tuple[str, ...]]]:
    """Return the dtype of each input, its number of axes and the fields that hold its values."""
    values = {
        name: tuple(field.name for field, _ in proto.ListFields() if field.name not in ("dtype", "tensor_shape"))
        for name, proto in inputs.items()
    }
    return {name: (proto.dtype, len(proto.tensor_shape.dim), values[name]) for name, proto in inputs.items()}


@pytest.mark.parametrize(("model", "signature", "case"), [
    ("ranker", "rank", "predict/rank-cold-user-padding-only"),
    ("ranker", "predict", "predict/predict-many"),
    ("tasks", "rank", "tasks/filter-both"),
    ("matcher", "retrieve", "matcher/retrieve-one"),
    ("matcher", "encode_user", "matcher/encode-user"),
    ("matcher", "encode_items", "matcher/encode-items"),
])  # fmt: skip
def test_padded_requests_have_the_form_of_recorded_ones(model: str, signature: str, case: str) -> None:
    """The recorded models do not describe themselves; here they do, and the values are others."""
    metadata = json_format.ParseDict(
        CASES[f"metadata/{model}"]["answer"]["response"], get_model_metadata_pb2.GetModelMetadataResponse()
    )
    read = Metadata.from_response(protocol_pb2.GetModelMetadataResponse.FromString(metadata.SerializeToString()))
    described = metadata_of(
        1, describe={"inputs": {"rows": (protocol_pb2.DT_INT32, [-1])},
                     "outputs": {"description": (protocol_pb2.DT_STRING, [-1])}},
    )  # fmt: skip
    definitions = protocol_pb2.SignatureDefMap.FromString(metadata.metadata["signature_def"].value)
    definitions.MergeFromString(described.metadata["signature_def"].value)
    described.metadata["signature_def"].value = definitions.SerializeToString()
    lengths = {"history_item": 4, "history_category": 4, "history_age": 4, "tags": 2}
    description = {"format": 1, "lengths": lengths, "candidate_sizes": [3], "max_rows": 8, "always_given": []}

    def answer(method: str, request: Any) -> Any:
        if method == GET_METADATA:
            return described
        if request.model_spec.signature_name == "describe":
            return prediction_of(1, description=np.array([str(description).replace("'", '"').encode()], object))
        raise Refusal(grpc.StatusCode.ABORTED, "seen")

    ask = {
        "rank": lambda model_client: model_client.rank({}, ["i1"]),
        "predict": lambda model_client: model_client.score([{"item": "i1", "price": math.nan}]),
        "retrieve": lambda model_client: model_client.retrieve({}, 3),
        "encode_user": lambda model_client: model_client.encode_user([{}]),
        "encode_items": lambda model_client: model_client.encode_items(["i1"]),
    }[signature]
    with (
        ScriptedServer(answer) as server,
        client(server, model) as model_client,
        pytest.raises(ClientError, match="seen"),
    ):
        ask(model_client)
    assert CASES[case]["answer"]["code"] == "OK"
    assert forms(server.predictions()[-1].inputs) == forms(recorded_request(CASES[case]).inputs)
    assert read.signature(signature).inputs.keys() == server.predictions()[-1].inputs.keys()
    # `describe` takes one int32 of one axis, as `k` of `retrieve` is.
    k = forms(recorded_request(CASES["matcher/retrieve-one"]).inputs)["k"]
    assert forms(server.predictions()[0].inputs) == {"rows": k}
