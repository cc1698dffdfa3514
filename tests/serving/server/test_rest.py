"""The HTTP server handles malformed, excessive and slow requests, and shuts down cleanly."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from interestflow.serving.server.configuration import ServerOptions, one_model
from interestflow.serving.server.errors import ServerConfigurationError
from interestflow.serving.server.server import Server
from tests.serving.server import small_models
from tests.serving.server.http_clients import (
    ANSWER,
    GOOD,
    PREDICT,
    ask,
    clients,
    connect,
    head,
    post,
    read_answer,
    read_to_end,
    recorded,
    rest_port_of,
    slow,
)  # fmt: skip
from tests.serving.server.small_models import options


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("scaled")
    small_models.write_scaled(base, 3)
    return base


@pytest.fixture(scope="module")
def port(base: Path) -> Iterator[int]:
    with Server(options(base, rest_port=0, max_message_bytes=2**20, http_header_seconds=5)) as server:
        yield rest_port_of(server)


CHUNKED = f"POST {PREDICT} HTTP/1.1\r\nHost: local\r\nTransfer-Encoding: chunked\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("request_bytes", "reason"),
    [
        (bytes(range(128, 256)) + b"\r\n\r\n", "Invalid method encountered"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500, "Received HTTPS traffic on an HTTP port"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "Pause on PRI/Upgrade"),
        (b"FOO / HTTP/1.1\r\n\r\n", "Invalid method encountered"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", "Got more than 8190 bytes when reading"),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", "Got more than 8190 bytes when reading"),
        (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 1000 + b"\r\n", "Too many headers received"),
        (b"GET /\xff HTTP/1.1\r\n\r\n", "Invalid char in url path"),
        (head(-1), "Invalid character in Content-Length"),
        (head("1\r\nContent-Length: 2"), "Duplicate Content-Length"),
        (head("1\r\nTransfer-Encoding: chunked"), "Transfer-Encoding can't be present with Content-Length"),
        (CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", "Invalid character in chunk size"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_http_is_a_bad_request(port: int, request_bytes: bytes, reason: str) -> None:
    status, body = ask(port, request_bytes)
    assert status == 400
    assert json.loads(body)["error"].startswith(f"the request cannot be read: {reason}")
    assert b"bytes" not in body.replace(b"8190 bytes", b""), "no type of Python should be named"
    assert ask(port, post(GOOD)) == ANSWER


def test_chunks_are_a_body(port: int) -> None:
    assert ask(port, CHUNKED + b"a\r\n" + GOOD[:10] + b"\r\na\r\n" + GOOD[10:] + b"\r\n0\r\n\r\n") == ANSWER
    half = (b"80000\r\n" + b" " * 2**19 + b"\r\n") * 3 + b"0\r\n\r\n"
    assert ask(port, CHUNKED + half)[0] == 413


def test_a_body_that_is_announced_is_asked_for(port: int) -> None:
    with connect(port) as client:
        client.sendall(head(len(GOOD), more="Expect: 100-continue\r\n"))
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(GOOD)
        assert read_answer(client) == ANSWER
    with connect(port) as client:
        client.sendall(head(2**30, more="Expect: 100-continue\r\n"))
        assert read_answer(client)[0] == 413


def test_a_connection_takes_one_request_after_the_other(port: int) -> None:
    with connect(port) as client:
        client.sendall(post(GOOD) * 100 + b"\0 no request")
        answers = read_to_end(client)
    assert answers.count(ANSWER[1]) == 100
    assert answers.count(b"HTTP/1.1 200 OK") == 100
    assert b"the request cannot be read" in answers


def test_an_absolute_target_is_a_path(port: int) -> None:
    request = post(GOOD).replace(PREDICT.encode(), b"http://local:80" + PREDICT.encode())
    assert ask(port, request) == ANSWER


def test_only_so_many_requests_run() -> None:
    with Server(recorded(max_concurrent_requests=1)) as server, connect(rest_port_of(server)) as client:
        client.sendall(slow(2.0))
        statuses = []
        while statuses[-1:] != [429] and len(statuses) < 1000:  # the slow one may be the later one to arrive
            statuses.append(ask(rest_port_of(server), slow(0.0))[0])
        assert statuses[-1] == 429
        assert read_answer(client) == (200, b'{"predictions": [2.0]}')
        assert ask(rest_port_of(server), slow(0.0))[0] == 200


def test_a_request_that_runs_too_long_is_answered_that_it_did() -> None:
    with Server(recorded(rest_timeout_seconds=0.2)) as server:
        status, body = ask(rest_port_of(server), slow(2.0))
        assert (status, json.loads(body)) == (504, {"error": "Timed out waiting for notification"})
        assert ask(rest_port_of(server), slow(0.0))[0] == 200
        time.sleep(2.0)  # lets the abandoned thread end
        _, metrics = ask(rest_port_of(server), b"GET /monitoring/prometheus/metrics HTTP/1.1\r\nHost: local\r\n\r\n")
        assert b'requests_total{method="Predict",model="double",status="DEADLINE_EXCEEDED"} 1.0' in metrics
    with Server(recorded(rest_timeout_seconds=0)) as server:
        assert ask(rest_port_of(server), slow(0.5))[0] == 200


def test_a_stop_waits_for_what_runs_and_for_nothing_else() -> None:
    server = Server(recorded())
    server.start()
    port = rest_port_of(server)
    with connect(port) as running, clients(port, [b"", b"GET /", head(100) + b"{", post(GOOD)]) as other_clients:
        running.sendall(slow(1.0))
        read_answer(other_clients[3])  # by then the slow one has been read
        began = time.monotonic()
        server.stop(grace=3.0)
        elapsed = time.monotonic() - began
        assert read_answer(running) == (200, b'{"predictions": [1.0]}')
        assert [read_to_end(other) for other in other_clients] == [b""] * 4
    assert elapsed < 10.0, "the body would have been waited for 30 seconds"
    with pytest.raises(ConnectionRefusedError):
        connect(port)


def test_a_stop_cuts_off_what_does_not_end() -> None:
    server = Server(recorded())
    server.start()
    with connect(rest_port_of(server)) as running:
        running.sendall(slow(8.0))
        ask(rest_port_of(server), slow(0.0))
        began = time.monotonic()
        server.stop(grace=0.5)
        assert read_to_end(running) == b""
        assert time.monotonic() - began < 7.0


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy_socket:
        port = busy_socket.getsockname()[1]
        with pytest.raises(ServerConfigurationError) as raised:
            Server(ServerOptions(one_model("scaled", "/nowhere"), rest_port=port)).start()
        assert str(raised.value) == f"the REST port 127.0.0.1:{port} cannot be used: Address already in use"


def test_a_host_with_several_addresses_is_listened_on_with_one_port(base: Path) -> None:
    with Server(options(base, host="localhost", rest_port=0)) as server:
        for *_, address in socket.getaddrinfo("localhost", rest_port_of(server), type=socket.SOCK_STREAM):
            with socket.create_connection(address[:2], timeout=60) as client:
                client.sendall(post(GOOD))
                assert read_answer(client) == ANSWER
