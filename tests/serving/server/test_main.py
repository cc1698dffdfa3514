"""`interestflow serve` ends within its grace period whatever its clients do, and reports why it cannot start."""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from interestflow.serving.warm_up import write_warm_up
from tests.serving.conformance.replay.recordings import MODELS
from tests.serving.server.serve_process import START_SECONDS, ServeProcess
from tests.serving.server.small_models import request

pytestmark = pytest.mark.end_to_end
DOUBLE = MODELS / "double"
PREDICT = "/tensorflow.serving.PredictionService/Predict"
GRACE_SECONDS = 1
END_SECONDS = 30
"""Far more than the grace period, for a machine that is busy, and far less than what the clients do takes."""
CLIENT_SECONDS = 600.0


def stall_grpc_upload(process: ServeProcess) -> Callable[[], None]:
    """Open a call whose request never comes."""
    channel = grpc.insecure_channel(f"127.0.0.1:{process.port()}")
    grpc.channel_ready_future(channel).result(20)
    left = threading.Event()

    def requests() -> Iterator[bytes]:
        left.wait(CLIENT_SECONDS)
        yield b""

    call = channel.stream_unary(PREDICT).future(requests())  # a call without a reference would be cancelled
    time.sleep(0.5)

    def leave() -> None:
        left.set()
        assert call.code() == grpc.StatusCode.UNAVAILABLE
        channel.close()

    return leave


def stall_http_upload(process: ServeProcess) -> Callable[[], None]:
    """Send half of a body."""
    client = socket.create_connection(("127.0.0.1", process.port("REST")))
    client.sendall(b"POST /v1/models/double:predict HTTP/1.1\r\nHost: here\r\nContent-Length: 1000\r\n\r\n{")
    time.sleep(0.5)
    return client.close


def ask_slowly(process: ServeProcess) -> Callable[[], None]:
    """Send a request that runs for ten minutes."""
    channel = grpc.insecure_channel(f"127.0.0.1:{process.port()}")
    grpc.channel_ready_future(channel).result(20)
    slow_request = request(name="double", signature="slow", seconds=np.float32([CLIENT_SECONDS]))
    call = channel.unary_unary(PREDICT, request_serializer=type(slow_request).SerializeToString).future(slow_request)
    time.sleep(1.0)

    def leave() -> None:
        assert call.code() == grpc.StatusCode.UNAVAILABLE
        channel.close()

    return leave


def ask_slowly_over_rest(process: ServeProcess) -> Callable[[], None]:
    """Send the same request over REST."""
    client = socket.create_connection(("127.0.0.1", process.port("REST")))
    body = b'{"signature_name": "slow", "inputs": {"seconds": [%d]}}' % CLIENT_SECONDS
    head = b"POST /v1/models/double:predict HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % len(body)
    client.sendall(head + body)
    time.sleep(1.0)
    return client.close


def test_it_ends_within_its_grace_period_whatever_its_clients_do() -> None:
    with (
        ServeProcess(DOUBLE, "--rest-port", "0", "--grace-seconds", str(GRACE_SECONDS)) as process,
        contextlib.ExitStack() as stack,
    ):
        process.wait_for("double: version")
        for misbehave in (stall_grpc_upload, stall_http_upload, ask_slowly, ask_slowly_over_rest):
            stack.callback(misbehave(process))
        assert process.terminate(END_SECONDS) == 0
    assert not [line for line in process.lines if "Traceback" in line], process.lines
    assert process.wait_for("stopped; what still ran was given up", seconds=0)


def test_a_request_that_ends_within_the_grace_period_is_answered() -> None:
    slow_request = request(name="double", signature="slow", seconds=np.float32([2.0]))
    with (
        ServeProcess(DOUBLE, "--no-rest", "--grace-seconds", "60") as process,
        grpc.insecure_channel(f"127.0.0.1:{process.port()}") as channel,
    ):
        process.wait_for("double: version")
        grpc.channel_ready_future(channel).result(20)
        call: Any = channel.unary_unary(PREDICT, request_serializer=type(slow_request).SerializeToString).future(
            slow_request
        )
        time.sleep(0.5)
        assert process.terminate(60) == 0
        assert call.code() == grpc.StatusCode.OK


def test_it_ends_while_it_loads(tmp_path: Path) -> None:
    shutil.copytree(DOUBLE / "1", tmp_path / "double" / "1")
    write_warm_up(tmp_path / "double" / "1", [request(name="double", signature="slow", seconds=np.float32([600.0]))])
    with ServeProcess(tmp_path / "double", "--no-rest", "--grace-seconds", str(GRACE_SECONDS)) as process:
        process.wait_for("gRPC on")
        assert process.terminate(END_SECONDS) == 0
    assert not [line for line in process.lines if "Traceback" in line]


def test_what_keeps_it_from_starting_is_one_sentence() -> None:
    with ServeProcess(DOUBLE, "--no-rest", "--tls-certificate", "server.pem", "--tls-key", "server.key") as process:
        assert process.process.wait(START_SECONDS) == 1
        assert process.wait_for("error:").strip() == (
            "error: the certificate server.pem cannot be read: No such file or directory"
        )
    assert len(process.lines) == 1
