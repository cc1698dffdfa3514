"""The REST face: bodies in, exact bodies out, over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import small_models
from small_models import options

from serving.server.configuration import one_model
from serving.server.server import Server


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    base = tmp_path_factory.mktemp("rest")
    for version in (2, 3):
        small_models.write_scaled(base / "scaled", version)
    small_models.write_labelled(base / "labelled")
    models = one_model("scaled", str(base / "scaled"))
    (model,) = models.model_config_list.config
    model.model_version_policy.all.SetInParent()
    model.version_labels["stable"] = 2
    models.model_config_list.config.add(name="labelled", base_path=str(base / "labelled"))
    with Server(options(base, models=models, rest_port=0, max_message_bytes=2**20)) as server:
        yield f"http://127.0.0.1:{server.rest_port}"


def ask(url: str, body: Any = None, raw: bytes | None = None) -> tuple[int, Any]:
    data = raw if raw is not None else None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data)) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_by_row(address: str) -> None:
    status, answer = ask(f"{address}/v1/models/scaled:predict", {"instances": [1.0, 2.0]})
    assert (status, answer) == (200, {"predictions": [{"factor": 3.0, "y": 3.0}, {"factor": 3.0, "y": 6.0}]})
    asked = {"instances": [{"x": 1.0}], "signature_name": "fails"}
    assert ask(f"{address}/v1/models/scaled:predict", asked) == (200, {"predictions": [1.0]})


def test_by_column(address: str) -> None:
    asked = {"inputs": {"x": [1.0, 2.0]}}
    expected = {"outputs": {"factor": [3.0, 3.0], "y": [3.0, 6.0]}}
    assert ask(f"{address}/v1/models/scaled:predict", asked) == (200, expected)
    assert ask(f"{address}/v1/models/scaled:predict", {"inputs": [1.0, 2.0]}) == (200, expected)


def test_versions_and_labels(address: str) -> None:
    for where in ("versions/2", "labels/stable"):
        _, answer = ask(f"{address}/v1/models/scaled/{where}:predict", {"inputs": [1.0]})
        assert answer["outputs"]["y"] == [2.0]


def test_texts_and_bytes(address: str) -> None:
    asked = {"signature_name": "lengths", "inputs": [["a", "東京"], [{"b64": "AP8="}, ""]]}
    status, answer = ask(f"{address}/v1/models/scaled:predict", asked)
    assert status == 200
    assert answer["outputs"]["lengths"] == [[1, 6], [2, 0]]
    assert answer["outputs"]["texts"] == [["a", "東京"], [{"b64": "AP8="}, ""]]


def test_classify_and_regress(address: str) -> None:
    status, answer = ask(f"{address}/v1/models/labelled:classify", {"examples": [{"x": 0.25}]})
    assert (status, answer) == (200, {"results": [[["yes", 0.25], ["no", 0.75]]]})
    asked = {"signature_name": "value", "context": {"x": 0.5}, "examples": [{}, {"x": 1.5}]}
    assert ask(f"{address}/v1/models/labelled:regress", asked) == (200, {"results": [5.0, 15.0]})


def test_status_and_metadata(address: str) -> None:
    status, answer = ask(f"{address}/v1/models/scaled")
    assert status == 200
    assert [(each["version"], each["state"]) for each in answer["model_version_status"]] == [
        ("3", "AVAILABLE"), ("2", "AVAILABLE"),
    ]  # fmt: skip
    _, answer = ask(f"{address}/v1/models/scaled/metadata")
    assert answer["model_spec"] == {"name": "scaled", "signature_name": "serving_default", "version": "3"}
    assert set(answer["metadata"]["signature_def"]["signature_def"]) == {"serving_default", "lengths", "fails"}


@pytest.mark.parametrize(
    ("path", "body", "code", "says"),
    [
        ("/v1/models/nobody:predict", {"inputs": [1.0]}, 404, "Latest(nobody)"),
        ("/v1/models/scaled/versions/9:predict", {"inputs": [1.0]}, 404, "Specific(scaled, 9)"),
        ("/v1/models/scaled/versions/99999999999999999999:predict", {"inputs": [1.0]}, 400, "below 2^63"),
        ("/v1/models/scaled:predict", {"inputs": {"x": ["a"]}}, 400, "`x` should be an array of float32"),
        ("/v1/models/scaled:predict", {"inputs": {"x": [[1.0]]}}, 400, "`x` should have the shape [?]"),
        ("/v1/models/scaled:predict", {"inputs": {"x": [[1.0], [1.0, 2.0]]}}, 400, "its rows of one length"),
        ("/v1/models/scaled:predict", {"inputs": {"z": [1.0]}}, 400, "missing x; unknown z"),
        ("/v1/models/scaled:predict", {"instances": []}, 400, "`instances` should be a list with at least one"),
        ("/v1/models/scaled:predict", {"instances": [{"x": 1.0}, {"y": 1.0}]}, 400, "the same keys"),
        ("/v1/models/scaled:predict", {}, 400, "either `instances` or `inputs`"),
        ("/v1/models/scaled:predict", None, 405, "should be asked with POST"),
        ("/v1/models/labelled:classify", {"examples": 1}, 400, "`examples` should be a list"),
        ("/v2/models", None, 400, "Malformed request"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_answered_is_an_error_of_one_sentence(
    address: str, path: str, body: Any, code: int, says: str
) -> None:
    status, answer = ask(address + path, body)
    assert status == code
    assert list(answer) == ["error"]
    assert says in answer["error"]


def test_bodies_that_are_no_json_or_too_large(address: str) -> None:
    url = f"{address}/v1/models/scaled:predict"
    assert ask(url, raw=b"{")[0] == 400
    assert ask(url, raw=b"[" * 100_000)[0] == 400
    status, answer = ask(url, raw=b" " * (2**20 + 1))
    assert (status, "at most 1,048,576 bytes" in answer["error"]) == (413, True)
    assert ask(url, {"inputs": [1.0]})[0] == 200


def test_metrics_are_as_prometheus_reads_them(address: str) -> None:
    ask(f"{address}/v1/models/scaled:predict", {"inputs": [1.0]})
    ask(f"{address}/v1/models/somebody:predict", {"inputs": [1.0]})
    with urllib.request.urlopen(f"{address}/monitoring/prometheus/metrics") as response:
        text = response.read().decode()
    assert 'interestflow_requests_total{method="Predict",model="scaled",status="OK"}' in text
    assert 'interestflow_requests_total{method="Predict",model="",status="NOT_FOUND"}' in text
    assert "somebody" not in text  # names that clients make up would fill the memory
    assert 'interestflow_version_loaded{model="scaled",version="3"} 1.0' in text
