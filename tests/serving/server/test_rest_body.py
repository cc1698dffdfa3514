"""The server limits the bytes of request bodies in memory, and cuts off stalled uploads to make room."""

from __future__ import annotations

import gzip
import json
import time

from interestflow.serving.server.rest_body import PATIENCE_SECONDS
from interestflow.serving.server.server import Server
from tests.serving.server.http_clients import (
    ask,
    clients,
    head,
    is_open,
    post,
    read_answer,
    recorded,
    rest_port_of,
    slow,
)

MEGABYTE = 2**20
PATH = "/v1/models/double:predict"
GOOD = json.dumps({"signature_name": "only", "instances": [1.0]}).encode()
FULL = {"error": "too many bodies are being received or answered"}


def padded(body: bytes, size: int) -> bytes:
    return body + b" " * (size - len(body))


def test_uploads_that_stall_make_room_for_others() -> None:
    with Server(recorded(max_message_bytes=MEGABYTE)) as server:  # so that two megabytes are kept
        port = rest_port_of(server)
        stalled = head(MEGABYTE, PATH) + b" " * 1_000_000
        with clients(port, [stalled, stalled]) as uploads:
            time.sleep(2 * PATIENCE_SECONDS)
            assert ask(port, post(GOOD, PATH))[0] == 200
            assert [is_open(upload) for upload in uploads] == [True, True]
            assert ask(port, post(padded(GOOD, 500_000), PATH))[0] == 200
            assert [is_open(upload) for upload in uploads].count(False) == 1


def test_bodies_that_are_being_answered_do_not() -> None:
    with Server(recorded(max_message_bytes=MEGABYTE)) as server:
        port = rest_port_of(server)
        body = json.dumps({"signature_name": "slow", "instances": [4.0]}).encode()
        with clients(port, [post(padded(body, 1_000_000), PATH)] * 2) as running:
            time.sleep(2 * PATIENCE_SECONDS)
            status, answer = ask(port, post(padded(GOOD, 500_000), PATH))
            assert (status, json.loads(answer)) == (429, FULL)
            packed = gzip.compress(padded(GOOD, 500_000))
            status, answer = ask(port, post(packed, PATH, "Content-Encoding: gzip\r\n"))
            assert (status, json.loads(answer)) == (429, FULL)
            assert ask(port, slow(0.0))[0] == 200
            assert [read_answer(client)[0] for client in running] == [200, 200]
        assert ask(port, post(packed, PATH, "Content-Encoding: gzip\r\n"))[0] == 200
        assert ask(port, post(padded(GOOD, 500_000), PATH))[0] == 200


def test_what_clients_sent_before_they_left_is_given_back() -> None:
    with Server(recorded(max_message_bytes=MEGABYTE)) as server:
        port = rest_port_of(server)
        for _ in range(10):
            with clients(port, [head(MEGABYTE, PATH) + b" " * 1_000_000] * 3):
                time.sleep(0.05)
        statuses = []
        while statuses[-1:] != [200] and len(statuses) < 1000:  # until the server has seen that they left
            statuses.append(ask(port, post(padded(GOOD, 900_000), PATH))[0])
        assert statuses[-1] == 200
