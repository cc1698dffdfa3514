"""Slow clients: how long the server waits, and how many it tolerates."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from interestflow.serving.server.server import Server
from tests.serving.server import small_models
from tests.serving.server.http_clients import (
    ANSWER,
    GOOD,
    ask,
    clients,
    connect,
    head,
    is_open,
    post,
    read_answer,
    read_to_end,
    recorded,
    rest_port_of,
    slow,
)  # fmt: skip
from tests.serving.server.small_models import options

LARGE = json.dumps({"signature_name": "large", "inputs": 3_000_000}).encode()
"""Asks for some 15 MB, more than the network keeps for a client that does not read."""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    base = tmp_path_factory.mktemp("scaled")
    small_models.write_scaled(base, 3)
    seconds = {"http_header_seconds": 1.0, "http_body_seconds": 1.0, "http_idle_seconds": 1.0}
    with Server(options(base, rest_port=0, **seconds)) as server:
        yield rest_port_of(server)


@pytest.mark.parametrize("sent", [b"", b"POST /v1/models", b"GET / HTTP/1.1\r\nX: "], ids=["nothing", "line", "header"])
def test_a_client_that_does_not_send_its_headers_is_cut_off(port: int, sent: bytes) -> None:
    with connect(port) as client:
        client.sendall(sent)
        assert read_to_end(client) == b""  # which returns when the server closes the connection


def test_a_client_that_sends_its_headers_byte_by_byte_is_cut_off(port: int) -> None:
    with connect(port) as client:
        client.sendall(b"GET / HTTP/1.1\r\nX: ")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 200 and is_open(client):
                client.send(b"a")
                sent += 1
                time.sleep(0.1)
        assert sent < 200


def test_a_client_that_does_not_send_its_body_is_told_so(port: int) -> None:
    with connect(port) as client:
        client.sendall(head(100) + b"{")
        status, body = read_answer(client)
        assert (status, json.loads(body)) == (408, {"error": "the body should be sent within 1 seconds"})
        assert read_to_end(client) == b""


def test_a_connection_without_further_requests_is_closed(port: int) -> None:
    with connect(port) as client:
        for _ in range(3):
            client.sendall(post(GOOD))
            assert read_answer(client) == ANSWER
            time.sleep(0.5)
        assert read_to_end(client) == b""


def test_a_client_that_does_not_read_is_cut_off() -> None:
    with Server(recorded(http_body_seconds=1.0)) as server:
        with connect(rest_port_of(server)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(post(LARGE, path="/v1/models/double:predict"))
            client.recv(1)  # the answer has begun
            time.sleep(4.0)
            assert len(read_to_end(client)) < 14_000_000
        status, body = ask(rest_port_of(server), post(LARGE, path="/v1/models/double:predict"))
        assert (status, len(json.loads(body)["outputs"])) == (200, 3_000_000)


def test_a_new_connection_takes_the_place_of_the_one_that_waits_longest(tmp_path: Path) -> None:
    small_models.write_scaled(tmp_path, 3)
    with Server(options(tmp_path, rest_port=0, max_http_connections=20)) as server:
        port = rest_port_of(server)
        stalled = [b"", b"GET /", head(100) + b"{"] * 30
        with clients(port, stalled) as opened:
            for _ in range(5):
                assert ask(port, post(GOOD)) == ANSWER
            is_left = [is_open(client) for client in opened]
            assert sum(is_left) <= 20
            assert not any(is_left[:60])
            assert is_left[-1]


def test_connections_that_are_being_answered_keep_their_places() -> None:
    with Server(recorded(max_http_connections=2)) as server:
        port = rest_port_of(server)
        assert ask(port, slow(0.0))[0] == 200
        with clients(port, [slow(4.0), slow(4.0)]) as running:
            time.sleep(1.0)  # until both have been read
            assert ask(port, slow(0.0)) == (503, b'{"error": "too many open connections"}')
            assert [read_answer(client) for client in running] == [(200, b'{"predictions": [4.0]}')] * 2
        assert ask(port, slow(0.0))[0] == 200
