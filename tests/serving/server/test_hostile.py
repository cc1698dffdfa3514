"""Hostile requests to a server in its own process: each gets a status, and memory stays bounded."""

from __future__ import annotations

import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc

import tests.serving.server.hostile_requests as hostile
from tests.serving.conformance.replay.recordings import MODELS
from tests.serving.server.serve_process import ServeProcess
from tests.serving.server.small_models import request

NAMES = ("double", "ranker", "matcher", "labelled")
RANDOM_REQUESTS = 3000
MADE_UP_NAMES = 3000
MAX_MEGABYTES = 1024
"""Memory that no request may take beyond that of the idle server."""
PYTHON_TYPES = ("Error", "Exception", "Traceback", "object", "numpy", "ndarray", "dict", "NoneType")
INVALID = grpc.StatusCode.INVALID_ARGUMENT
NO_MESSAGE = (grpc.StatusCode.INTERNAL, "Exception deserializing request!")
"""What gRPC itself answers to bytes that are no message; TensorFlow Serving's gRPC has the same status."""


class HostileClient:
    """A client of a server process, which notes the process's memory."""

    def __init__(self, process: ServeProcess) -> None:
        self._process = process
        unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        self._channel = grpc.insecure_channel(f"127.0.0.1:{process.port()}", unlimited)
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        process.wait_for("labelled: version")
        for message in (hostile.ranking(), hostile.pointwise(1), hostile.retrieval(1), hostile.of_examples(b"")):
            self.prediction.Predict(message, timeout=60)
        self.idle_megabytes = self.megabytes("VmHWM")
        self.peaks: dict[str, float] = {}

    def send(self, content: bytes | Any, method: str = "Predict") -> tuple[grpc.StatusCode, str]:
        """Send a request, or bytes of one; return its status and details."""
        if not isinstance(content, bytes):
            content = content.SerializeToString()
        call = self._channel.unary_unary(f"/tensorflow.serving.PredictionService/{method}")
        try:
            call(content, timeout=120)
        except grpc.RpcError as error:
            return error.code(), error.details()
        return grpc.StatusCode.OK, ""

    def is_answered(self) -> bool:
        """Return whether the server still answers rightly."""
        response = self.prediction.Predict(
            request(name="double", signature="only", x=np.float32([1.0])), timeout=60
        )  # fmt: skip
        return list(response.outputs["y"].float_val) == [4.0]

    def note_peak(self, name: str) -> float:
        """Return the memory that the server has taken beyond that of the idle one since it was last noted."""
        peak = self.megabytes("VmHWM") - self.idle_megabytes
        self.peaks[name] = peak
        Path(f"/proc/{self._process.process.pid}/clear_refs").write_text("5")  # resets the peak
        return peak

    def megabytes(self, kind: str) -> float:
        text = Path(f"/proc/{self._process.process.pid}/status").read_text()
        return int(text.split(f"{kind}:")[1].split()[0]) / 1024

    def metrics(self) -> str:
        url = f"http://127.0.0.1:{self._process.port('REST')}/monitoring/prometheus/metrics"
        with urllib.request.urlopen(url, timeout=60) as page:
            return page.read().decode()

    def close(self) -> None:
        self._channel.close()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileClient]:
    config = tmp_path_factory.mktemp("models") / "models.config"
    entries = "".join(
        f'  config {{ name: "{name}" base_path: "{MODELS / name}" model_platform: "tensorflow" }}\n' for name in NAMES
    )
    config.write_text(f"model_config_list {{\n{entries}}}\n")
    with ServeProcess(config, "--rest-port", "0") as process:
        client = HostileClient(process)
        yield client
        worst = max(client.peaks, key=lambda name: client.peaks[name])
        print(f"\nidle {client.idle_megabytes:.0f} MB; most beyond it: {client.peaks[worst]:.0f} MB by {worst}")
        client.close()
        assert process.terminate(60) == 0


@pytest.mark.parametrize("name", hostile.REFUSED)
def test_what_is_the_clients_fault_is_named(client: HostileClient, name: str) -> None:
    code, details = client.send(hostile.REFUSED[name]())
    assert (code, details != "") == (INVALID, True), details
    assert not [kind for kind in PYTHON_TYPES if kind in details], details
    assert client.is_answered()
    assert client.note_peak(name) < MAX_MEGABYTES


@pytest.mark.parametrize("name", hostile.GROWING)
def test_messages_that_grow_when_they_are_parsed(client: HostileClient, name: str) -> None:
    code, details = client.send(hostile.GROWING[name]())
    assert code == INVALID
    assert details.startswith("a request should have at most 1,048,576 fields and values in it")
    assert client.is_answered()
    assert client.note_peak(name) < MAX_MEGABYTES


@pytest.mark.parametrize("name", hostile.ANSWERED)
def test_requests_at_the_limits_are_answered(client: HostileClient, name: str) -> None:
    assert client.send(hostile.ANSWERED[name]()) == (grpc.StatusCode.OK, "")
    assert client.note_peak(name) < MAX_MEGABYTES


def test_a_negative_number_of_items(client: HostileClient) -> None:
    code, details = client.send(hostile.retrieval(-1, -(2**31)))
    assert code in (grpc.StatusCode.OK, INVALID), details
    assert client.is_answered()


def test_examples_of_other_services(client: HostileClient) -> None:
    garbage = {
        "no bytes": b"", "a wrong type": hostile.feature_named(b"x"), "nested": hostile.nested(5000),
        "no utf-8": hostile.feature_named(b"\xff"), "noise": b"\xff" * 1000,
    }  # fmt: skip
    for name, example in garbage.items():
        code, details = client.send(hostile.classification(example), "Classify")
        assert code == INVALID or (code, details) == NO_MESSAGE, name
        assert not [kind for kind in PYTHON_TYPES if kind in details] or (code, details) == NO_MESSAGE
    assert client.is_answered()
    assert client.note_peak("examples of Classify") < MAX_MEGABYTES


def test_thousands_of_random_ones(client: HostileClient) -> None:
    random = np.random.default_rng(7)
    answers: Counter[grpc.StatusCode] = Counter()
    for _ in range(RANDOM_REQUESTS):
        code, details = client.send(hostile.random_request(random))
        answers[code] += 1
        assert code != grpc.StatusCode.INTERNAL or (code, details) == NO_MESSAGE
    assert set(answers) <= {
        grpc.StatusCode.OK, INVALID, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.INTERNAL,
    }, answers  # fmt: skip
    assert answers[INVALID] > RANDOM_REQUESTS / 2
    assert client.is_answered()
    assert client.note_peak(f"{RANDOM_REQUESTS} random requests") < MAX_MEGABYTES


def test_names_that_are_made_up_make_no_metrics(client: HostileClient) -> None:
    client.send(request(name="nobody"))
    client.send(request(name="nobody", label="stable"))
    before = len(client.metrics().splitlines())
    for index in range(MADE_UP_NAMES):
        message = request(name=f"nobody-{index}", x=np.float32([1.0]))
        if index % 3 == 1:
            message.model_spec.version_label = f"label-{index}"
        elif index % 3 == 2:
            message.model_spec.name, message.model_spec.signature_name = "double", f"signature-{index}"
        assert client.send(message)[0] != grpc.StatusCode.OK
    page = client.metrics()
    assert len(page.splitlines()) < before + 50
    assert "nobody-" not in page
    assert client.note_peak(f"{MADE_UP_NAMES} made-up names") < MAX_MEGABYTES


def test_a_message_above_the_limit(client: HostileClient) -> None:
    for _ in range(3):
        code, details = client.send(request(name="double", signature="only", x=np.zeros(25_000_000, np.float32)))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in details
    assert client.is_answered()
    assert client.note_peak("a message of 100 MB") < MAX_MEGABYTES


def test_empty_requests_of_every_method(client: HostileClient) -> None:
    for method in ("Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata"):
        code, details = client.send(b"", method)
        assert (code, "ModelSpec" in details) == (INVALID, True), method
    with pytest.raises(grpc.RpcError) as raised:
        client.models.GetModelStatus(predict_pb2.PredictRequest(), timeout=60)
    assert raised.value.code() == INVALID
