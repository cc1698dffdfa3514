"""Requests that nobody should send: each gets a proper status, and the server goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
import small_models
from small_models import Asking, options, request
from tensorflow.core.framework import types_pb2

from serving.server.server import Server

TRIED = 3000
PROPER = {
    grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.INTERNAL,  # what gRPC itself answers to bytes that are no message
}  # fmt: skip


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    base = tmp_path_factory.mktemp("models")
    small_models.write_scaled(base, 3)
    with Server(options(base, max_message_bytes=2**22)) as server, Asking(server.port) as asking:
        yield asking


def hostile(random: np.random.Generator) -> bytes:
    """A request with something wrong, or bytes that are none."""
    asked = request(x=np.float32([1.0, 2.0]))
    proto = asked.inputs["x"]
    kind = random.integers(0, 9)
    if kind == 0:
        proto.dtype = int(random.integers(-3, 130))
    elif kind == 1:
        del proto.tensor_shape.dim[:]
        for size in random.integers(-(2**62), 2**62, random.integers(1, 5)):
            proto.tensor_shape.dim.add(size=int(size))
    elif kind == 2:
        proto.tensor_content = random.bytes(int(random.integers(0, 100)))
    elif kind == 3:
        proto.tensor_shape.unknown_rank = True
    elif kind == 4:
        asked.model_spec.signature_name = random.bytes(8).hex()
    elif kind == 5:
        asked.model_spec.version.value = int(random.integers(-(2**62), 2**62))
    elif kind == 6:
        asked.inputs[random.bytes(4).hex()].CopyFrom(proto)
    elif kind == 7:
        proto.dtype = types_pb2.DT_STRING
        proto.string_val.append(random.bytes(10))
    content = asked.SerializeToString()
    if kind == 8:
        if random.random() < 0.5:
            return content[: random.integers(1, len(content))]
        return random.bytes(int(random.integers(1, 200)))
    return content


def resident_megabytes() -> float:
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def test_thousands_of_them(asking: Asking) -> None:
    send = asking.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    random = np.random.default_rng(7)
    answers: Counter[grpc.StatusCode] = Counter()
    before = 0.0
    for number in range(TRIED):
        try:
            send(hostile(random), timeout=20)
            answers[grpc.StatusCode.OK] += 1  # such as half of a message that is one too
        except grpc.RpcError as error:
            answers[error.code()] += 1
        if number == TRIED // 3:
            before = resident_megabytes()
    assert set(answers) <= PROPER | {grpc.StatusCode.OK}, answers
    assert answers[grpc.StatusCode.INVALID_ARGUMENT] > TRIED / 2
    assert asking.scaled([1.0]) == [3.0]
    assert resident_megabytes() - before < 100.0, "memory should return"


def test_a_message_of_a_hundred_megabytes(asking: Asking) -> None:
    before = resident_megabytes()
    for _ in range(3):
        with pytest.raises(grpc.RpcError) as raised:
            asking.prediction.Predict(request(x=np.zeros(25_000_000, np.float32)), timeout=60)
        assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert asking.scaled([1.0]) == [3.0]
    assert resident_megabytes() - before < 300.0, "three such messages should not be kept"


def test_numbers_that_are_none_are_answered_as_they_are(asking: Asking) -> None:
    response = asking.scaled([float("nan"), float("inf"), 1.0])
    assert np.isnan(response[0])
    assert response[1:] == [float("inf"), 3.0]
