"""The replay of recordings: what counts as a difference, how requests are built, and the content of its files."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from tests.serving.conformance import prepare
from tests.serving.conformance.replay.comparison import difference, metric_names
from tests.serving.conformance.replay.connection import connect
from tests.serving.conformance.replay.local_server import serve_recording, server_options
from tests.serving.conformance.replay.messages import request_bytes
from tests.serving.conformance.replay.player import LOCAL, play
from tests.serving.conformance.replay.recordings import MODELS, NAMES, Folders, change_files, load_recording

PREDICT = "PredictionService/Predict"


def predict_case(**tensor: Any) -> dict[str, Any]:
    response = {"outputs": {"y": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "2"}]}, **tensor}}}
    return {"api": "grpc", "method": PREDICT, "answer": {"code": "OK", "response": response}}


def predict_answer(values: Any) -> dict[str, Any]:
    response = predict_pb2.PredictResponse()
    response.outputs["y"].CopyFrom(tf.make_tensor_proto(np.float32(values)))
    return {"code": "OK", "response": response}


def test_values_are_compared_and_their_encoding_is_not() -> None:
    case = predict_case(float_val=[1.0, 2.0])
    assert difference(case, predict_answer([1.0, 2.0])) is None
    assert difference(case, predict_answer([1.0, 2.0000005])) is None
    assert "2.5" in str(difference(case, predict_answer([1.0, 2.5])))
    assert difference(case, predict_answer([[1.0, 2.0]])) is not None
    assert difference(case, {"code": "OK", "response": predict_pb2.PredictResponse()}) is not None
    as_bytes = predict_case(tensor_content=base64.b64encode(np.float32([1.0, np.nan]).tobytes()).decode())
    assert difference(as_bytes, predict_answer([1.0, np.nan])) is None


def test_codes_are_compared_and_words_are_not() -> None:
    case = {"api": "grpc", "method": PREDICT, "answer": {"code": "NOT_FOUND", "message": "Servable not found"}}
    assert difference(case, {"code": "NOT_FOUND", "message": "there is no such model"}) is None
    assert "UNAVAILABLE" in str(difference(case, {"code": "UNAVAILABLE", "message": "Servable not found"}))
    assert difference(case, predict_answer([1.0])) is not None


def test_each_of_several_answers_is_compared() -> None:
    one = predict_case(float_val=[1.0, 2.0])
    case = {"api": "together", "requests": [one, one], "answer": {"answers": [one["answer"], one["answer"]]}}
    right, wrong = predict_answer([1.0, 2.0]), predict_answer([0.0, 2.0])
    assert difference(case, {"answers": [right, right]}) is None
    assert str(difference(case, {"answers": [right, wrong]})).startswith("request 1:")
    assert difference({**case, "timing": True}, {"answers": [right, wrong]}) is None  # only codes are counted
    assert difference({**case, "timing": True}, {"answers": [right, {"code": "UNAVAILABLE"}]}) is not None


def rest_answer(status: int, body: str, content_type: str = "application/json") -> dict[str, Any]:
    return {"status": status, "headers": {"content-type": content_type}, "body": body}


def test_rest_answers() -> None:
    case = {"api": "rest", "answer": rest_answer(200, '{"predictions": [1.0, 2]}')}
    assert (
        difference(case, rest_answer(200, '{\n "predictions": [1, 2.0] }', "application/json; charset=utf-8")) is None
    )
    assert difference(case, rest_answer(200, '{"predictions": [1.0, true]}')) is not None
    assert difference(case, rest_answer(200, '{"predictions": [1.0, 2.0]}', "text/html")) is not None
    assert difference(case, rest_answer(400, '{"predictions": [1.0, 2]}')) is not None
    refused = {"api": "rest", "answer": rest_answer(400, '{"error": "as one puts it"}')}
    assert difference(refused, rest_answer(400, '{"error": "as another does"}')) is None


def test_metrics_are_compared_by_name_and_label() -> None:
    page = '# TYPE a counter\na{model="x",method="y"} 3\na{model="z",method="y"} 4.5\nb 1\n'
    assert metric_names(page) == "a{model, method}\nb"
    case = {"api": "rest", "compare": "metrics", "answer": {"status": 200, "body": "a{model, method}\nb"}}
    assert difference(case, rest_answer(200, page)) is None
    assert difference(case, rest_answer(200, "c 1\n")) is not None


def test_one_value_stands_for_many_rows() -> None:
    tensor = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "1"}]}, "float_val": [0.5]}
    case = {"method": PREDICT, "request": {"inputs": {"x": tensor}}, "repeat": [{"input": "x", "count": 3}]}
    request = predict_pb2.PredictRequest.FromString(request_bytes(case))
    assert tf.make_ndarray(request.inputs["x"]).tolist() == [0.5, 0.5, 0.5]


def test_changes_of_files(tmp_path: Path) -> None:
    folders = Folders(models=MODELS, work=tmp_path / "work", setup=tmp_path / "setup")
    change_files(folders, [["make", "{WORK}/m"], ["copy", "{MODELS}/double/1", "{WORK}/m/1"]])
    assert (tmp_path / "work/m/1/saved_model.pb").is_file()
    change_files(folders, [["write", "{WORK}/m/path", "{MODELS}"], ["remove", "{WORK}/m/1"]])
    assert [path.name for path in (tmp_path / "work/m").iterdir()] == ["path"]
    assert (tmp_path / "work/m/path").read_text() == str(MODELS)
    with pytest.raises(ValueError, match="received 'burn'"):
        change_files(folders, [["burn", "{WORK}/m"]])


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_flag_has_an_option(name: str, tmp_path: Path) -> None:
    flags = load_recording(name).prepare(prepare.folders_below(tmp_path))
    assert server_options(flags).models.model_config_list.config
    with pytest.raises(ValueError, match="--enable_wings"):
        server_options([*flags, "--enable_wings=true"])


def test_the_shared_server_has_the_models_of_all_tests(tmp_path: Path) -> None:
    options = server_options(prepare.write_shared(tmp_path, {"exported_ranker": "/models/exported_ranker"}))
    names = [model.name for model in options.models.model_config_list.config]
    assert names == ["double", "ranker", "tasks", "matcher", "labelled", "scaled", "exported_ranker"]
    assert {tuple(load_recording(name).flags) for name in prepare.PLAIN} == {load_recording("rest").flags}


def test_playing_a_recording_reports_the_cases_that_are_answered_otherwise(tmp_path: Path) -> None:
    recording = load_recording("health_methods")
    folders = prepare.folders_below(tmp_path)
    wrong = {"health/all": {"code": "OK", "status": "NOT_SERVING"}, "classify/ranker": {"code": "OK", "response": {}}}
    cases = [{**case, "answer": wrong.get(case["id"], case["answer"])} for case in recording.cases]
    with (
        serve_recording(recording, folders) as server,
        connect(f"127.0.0.1:{server.port}", f"127.0.0.1:{server.rest_port}", folders) as connection,
    ):
        differences = play(dataclasses.replace(recording, cases=cases), connection, folders, LOCAL)
    assert differences == {
        "health/all": "recorded code 'OK', status 'NOT_SERVING', received code 'OK', status 'SERVING'",
        "classify/ranker": differences["classify/ranker"],
    }
    assert "received code 'INVALID_ARGUMENT'" in differences["classify/ranker"]
