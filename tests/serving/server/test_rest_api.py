"""The REST API: bodies in, exact bodies out, over HTTP. The recordings in tests/serving/conformance have many more."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from interestflow.serving.description import Description
from interestflow.serving.provenance import PROVENANCE
from interestflow.serving.server.configuration import one_model
from interestflow.serving.server.server import Server
from tests.serving.server import small_models
from tests.serving.server.small_models import options

ALLOWED_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    base = tmp_path_factory.mktemp("rest")
    for version in (2, 3):
        small_models.write_scaled(base / "scaled", version)
    small_models.write_labelled(base / "labelled")
    models = one_model("scaled", str(base / "scaled"))
    (model,) = models.model_config_list.config
    model.model_version_policy.all.SetInParent()
    model.version_labels["stable"] = 2
    labelled = models.model_config_list.config.add(name="labelled", base_path=str(base / "labelled"))
    labelled.model_platform = "tensorflow"
    with Server(options(base, models=models, rest_port=0, max_message_bytes=2**20)) as server:
        assert server.rest_port is not None
        yield server.rest_port


def send(
    port: int, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return response.status, response.read(), dict(response.getheaders())
    finally:
        connection.close()


def get(port: int, path: str) -> tuple[int, Any]:
    status, body, _ = send(port, "GET", path)
    return status, json.loads(body)


def post(port: int, path: str, body: Any) -> tuple[int, Any]:
    status, answer, _ = send(port, "POST", path, json.dumps(body).encode())
    return status, json.loads(answer)


def test_by_row(port: int) -> None:
    status, answer = post(port, "/v1/models/scaled:predict", {"instances": [1.0, 2.0]})
    assert (status, answer) == (200, {"predictions": [{"factor": 3.0, "y": 3.0}, {"factor": 3.0, "y": 6.0}]})
    body = {"instances": [{"x": 1.0}], "signature_name": "fails"}
    assert post(port, "/v1/models/scaled:predict", body) == (200, {"predictions": [1.0]})


def test_by_column(port: int) -> None:
    body = {"inputs": {"x": [1.0, 2.0]}}
    expected = {"outputs": {"factor": [3.0, 3.0], "y": [3.0, 6.0]}}
    assert post(port, "/v1/models/scaled:predict", body) == (200, expected)
    assert post(port, "/v1/models/scaled:predict", {"inputs": [1.0, 2.0]}) == (200, expected)


def test_versions_and_labels(port: int) -> None:
    for where in ("versions/2", "labels/stable", "versions/0000000002"):
        _, answer = post(port, f"/v1/models/scaled/{where}:predict", {"inputs": [1.0]})
        assert answer["outputs"]["y"] == [2.0]


def test_texts_and_bytes(port: int) -> None:
    body = {"signature_name": "lengths", "inputs": [["a", "東京"], [{"b64": "eHh4"}, ""]]}
    status, answer = post(port, "/v1/models/scaled:predict", body)
    assert status == 200
    assert answer["outputs"] == {"lengths": [[1, 6], [3, 0]], "texts": [["a", "東京"], ["xxx", ""]]}


def test_bytes_that_are_not_utf_8_pass_as_they_are(port: int) -> None:
    body = b'{"signature_name": "lengths", "inputs": [["\xff", {"b64": "AP8="}]]}'
    status, answer, _ = send(port, "POST", "/v1/models/scaled:predict", body)
    assert status == 200
    assert b'[["\xff", "\\u0000\xff"]]' in answer


def test_an_empty_list_is_a_row_without_elements(port: int) -> None:
    body = {"signature_name": "lengths", "instances": [[], []]}
    status, answer = post(port, "/v1/models/scaled:predict", body)
    assert (status, answer) == (200, {"predictions": [{"lengths": [], "texts": []}] * 2})


def test_classify_and_regress(port: int) -> None:
    status, answer = post(port, "/v1/models/labelled:classify", {"examples": [{"x": 0.25}]})
    assert (status, answer) == (200, {"results": [[["yes", 0.25], ["no", 0.75]]]})
    body = {"signature_name": "value", "context": {"x": 0.5}, "examples": [{}, {"x": 1.5}]}
    assert post(port, "/v1/models/labelled:regress", body) == (200, {"results": [5.0, 15.0]})


def test_status_and_metadata(port: int) -> None:
    ok = {"error_code": "OK", "error_message": ""}
    assert get(port, "/v1/models/scaled") == (
        200,
        {"model_version_status": [
            {"version": version, "state": "AVAILABLE", "status": ok} for version in ("3", "2")
        ]},
    )  # fmt: skip
    _, answer = get(port, "/v1/models/scaled/metadata")
    assert answer["model_spec"] == {"name": "scaled", "signature_name": "", "version": "3"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "lengths", "fails", "__saved_model_init_op"}
    assert signatures["__saved_model_init_op"]["outputs"]["__saved_model_init_op"]["dtype"] == "DT_INVALID"


@pytest.mark.parametrize(
    ("path", "body", "code", "message"),
    [
        ("/v1/models/nobody:predict", {"inputs": [1.0]}, 404, "Servable not found for request: Latest(nobody)"),
        ("/v1/models/scaled/versions/9:predict", {"inputs": [1.0]}, 404,
         "Servable not found for request: Specific(scaled, 9)"),
        ("/v1/models/scaled/versions/99999999999999999999:predict", {"inputs": [1.0]}, 400,
         "Failed to convert version: 99999999999999999999 to numeric."),
        ("/v1/models/scaled:predict", {"inputs": {"x": ["a"]}}, 400,
         'JSON Value: "a" Type: String is not of expected type: float'),
        ("/v1/models/scaled:predict", {"inputs": {"x": [[1.0], [1.0, 2.0]]}}, 400,
         "Encountered list at unexpected size: 2 at level: 1 expected size: 1"),
        ("/v1/models/scaled:predict", {"inputs": {"z": [1.0]}}, 400, "Missing named input: x in 'inputs' object."),
        ("/v1/models/scaled:predict", {"instances": []}, 400,
         'JSON Value: {\n    "instances": []\n} No values in \'instances\' array'),
        ("/v1/models/scaled:predict", {"instances": [{"x": 1.0}, {"y": 1.0}]}, 400,
         "Failed to process element: 1 key: y of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not "
         "have named input: y"),
        ("/v1/models/scaled:predict", {}, 400, "Missing 'inputs' or 'instances' key"),
        ("/v1/models/scaled:PREDICT", {"inputs": [1.0]}, 400, "Malformed request: POST /v1/models/scaled:PREDICT"),
        ("/v1/models/scaled:predict?x=1", {}, 400, "Malformed request: POST /v1/models/scaled:predict?x=1"),
        ("/v1/models/labelled:classify", {"examples": 1}, 400,
         'JSON Value: {\n    "examples": 1\n} Expecting \'examples\' value to be an list/array'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_cannot_be_answered_is_an_error_in_tensorflow_servings_words(
    port: int, path: str, body: Any, code: int, message: str
) -> None:
    assert post(port, path, body) == (code, {"error": message})


def test_unknown_paths_are_a_page_and_wrong_verbs_are_malformed(port: int) -> None:
    status, body, headers = send(port, "GET", "/v2/models")
    assert (status, headers["Content-Type"], b"404 Not Found" in body) == (404, "text/html", True)
    for method in ("GET", "PUT", "DELETE"):
        status, body, _ = send(port, method, "/v1/models/scaled:predict")
        assert status == 400
        assert json.loads(body) == {"error": f"Malformed request: {method} /v1/models/scaled:predict"}


def test_bodies_that_are_no_json_or_too_large(port: int) -> None:
    def status_of(body: bytes, **headers: str) -> tuple[int, str]:
        status, answer, _ = send(port, "POST", "/v1/models/scaled:predict", body, headers)
        return status, json.loads(answer).get("error", "")

    assert status_of(b"{") == (400, "JSON Parse error: Missing a name for object member. at offset: 1")
    assert status_of(b"") == (400, "JSON Parse error: The document is empty")
    assert status_of(b"[" * 100_000) == (400, "JSON Parse error: values are nested too deep")
    assert status_of(b" " * (2**20 + 1)) == (413, "the body should have at most 1,048,576 bytes")
    assert status_of(b'{"inputs": [1.0]}')[0] == 200


def test_compressed_bodies(port: int) -> None:
    def answer_to(body: bytes) -> tuple[int, str]:
        headers = {"Content-Encoding": "gzip"}
        status, answer, _ = send(port, "POST", "/v1/models/scaled:predict", body, headers)
        return status, json.loads(answer).get("error", "")

    packed = gzip.compress(b'{"inputs": [1.0]}')
    assert answer_to(packed) == (200, "")
    assert answer_to(packed[:-4]) == (400, "the body should be gzip, as Content-Encoding says; its end is missing")
    assert answer_to(b"no gzip") == (
        400, "the body should be gzip, as Content-Encoding says; it cannot be decompressed"
    )  # fmt: skip
    bomb = gzip.compress(b"0" * 2**28)  # of 256 MB
    assert answer_to(bomb) == (400, "the body should have at most 1,048,576 bytes once decompressed")


def test_a_message_is_text_whatever_it_shows(port: int) -> None:
    for name in (b"\\ud800", b"\xff"):  # half a surrogate pair, and a byte that is not UTF-8
        body = b'{"instances": [{"' + name + b'": 1}]}'
        status, answer, _ = send(port, "POST", "/v1/models/scaled:predict", body)
        assert status == 400
        assert "JSON object: does not have named input: " in json.loads(answer.decode("utf-8"))["error"]


def test_metrics_are_as_prometheus_reads_them(port: int) -> None:
    for name in ("scaled", "somebody", "nobody"):
        post(port, f"/v1/models/{name}:predict", {"inputs": [1.0]})
        post(port, f"/v1/models/{name}:predict", {})
    status, body, headers = send(port, "GET", "/monitoring/prometheus/metrics")
    text = body.decode()
    assert (status, headers["Content-Type"]) == (200, "text/plain")
    assert 'interestflow_requests_total{method="Predict",model="scaled",status="OK"}' in text
    assert 'interestflow_requests_total{method="Predict",model="scaled",status="INVALID_ARGUMENT"}' in text
    assert 'interestflow_requests_total{method="Predict",model="",status="NOT_FOUND"}' in text
    assert "somebody" not in text, "names that clients make up would fill the memory"
    assert 'interestflow_version_loaded{model="scaled",version="3"} 1.0' in text


def test_features_that_a_row_lacks_are_counted(tmp_path: Path) -> None:
    notes = small_models.write_scaled(tmp_path, 3) / PROVENANCE
    notes.parent.mkdir()
    notes.write_text(json.dumps({"description": Description(always_given=("x",)).as_json()}))
    with Server(options(tmp_path, rest_port=0)) as server:
        for body in (b'{"instances": [NaN, NaN]}', b'{"instances": [1.0]}'):
            assert send(server.rest_port or 0, "POST", "/v1/models/scaled:predict", body)[0] == 200
        counted = 'interestflow_requests_missing_feature_total{feature="x",model="scaled"} 1.0'
        assert counted in server.metrics.text().decode()


def test_without_a_path_there_are_no_metrics(tmp_path: Path) -> None:
    with Server(options(tmp_path, rest_port=0, metrics_path=None)) as server:
        assert send(server.rest_port or 0, "GET", "/monitoring/prometheus/metrics")[0] == 404


def test_other_origins_are_allowed_where_asked_for(port: int, tmp_path: Path) -> None:
    origin = {"Origin": "https://shop.example"}
    _, _, headers = send(port, "GET", "/v1/models/scaled", headers=origin)
    assert not ALLOWED_ORIGIN.keys() & headers.keys()
    small_models.write_scaled(tmp_path, 3)
    with Server(options(tmp_path, rest_port=0, cors=True)) as server:
        for method, path in (("GET", "/v1/models/scaled"), ("OPTIONS", "/v1/models/scaled:predict")):
            status, _, headers = send(server.rest_port or 0, method, path, headers=origin)
            assert status == 200
            assert headers.items() >= ALLOWED_ORIGIN.items()
        assert send(server.rest_port or 0, "OPTIONS", "/v1/models/scaled:predict")[0] == 400
