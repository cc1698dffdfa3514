"""HTTP clients over bare sockets, which send what no HTTP library would, and servers to test them against."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

from interestflow.serving.server.configuration import ServerOptions, one_model
from interestflow.serving.server.server import Server
from tests.serving.conformance.replay.recordings import MODELS

PREDICT = "/v1/models/scaled:predict"
DOUBLE = MODELS / "double"
GOOD = b'{"instances": [1.0]}'
ANSWER = (200, b'{"predictions": [{"factor": 3.0, "y": 3.0}]}')


def connect(port: int, timeout: float = 30.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def head(length: int | str, path: str = PREDICT, more: str = "") -> bytes:
    """Return the headers of a POST with a body of so many bytes."""
    return f"POST {path} HTTP/1.1\r\nHost: local\r\nContent-Length: {length}\r\n{more}\r\n".encode()


def post(body: bytes, path: str = PREDICT, more: str = "") -> bytes:
    """Return a POST with this body."""
    return head(len(body), path, more) + body


def read_answer(client: socket.socket) -> tuple[int, bytes]:
    """Read one answer; return its status and body. The status is 0 where the connection ends before."""
    stream = client.makefile("rb")
    try:
        status = int((stream.readline().split() or [b"", b"0"])[1])
        length = 0
        for line in iter(stream.readline, b"\r\n"):
            name, _, value = line.partition(b":")
            if not line:
                return 0, b""
            if name.lower() == b"content-length":
                length = int(value)
        return status, stream.read(length)
    except ConnectionError:
        return 0, b""


def ask(port: int, request: bytes) -> tuple[int, bytes]:
    """Send `request` on a connection of its own, and return the status and body of the answer."""
    with connect(port) as client:
        with contextlib.suppress(ConnectionError):  # the server may answer before it has read everything
            client.sendall(request)
        return read_answer(client)


def is_open(client: socket.socket) -> bool:
    """Return whether the server has left an idle connection open."""
    client.setblocking(False)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def read_to_end(client: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    content = b""
    with contextlib.suppress(ConnectionError):
        while chunk := client.recv(2**16):
            content += chunk
    return content


@contextlib.contextmanager
def clients(port: int, requests: list[bytes]) -> Iterator[list[socket.socket]]:
    """Open a connection for each of `requests`, which are sent and not waited for."""
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(connect(port)) for _ in requests]
        for client, request in zip(opened, requests, strict=True):
            with contextlib.suppress(ConnectionError):
                client.sendall(request)
        yield opened


def recorded(**changes: Any) -> ServerOptions:
    """Serve the recorded model `double`, whose signature `slow` runs for so many seconds."""
    return ServerOptions(one_model("double", str(DOUBLE)), rest_port=0, poll_seconds=0, **changes)


def slow(seconds: float) -> bytes:
    return post(
        json.dumps({"signature_name": "slow", "instances": [seconds]}).encode(), path="/v1/models/double:predict"
    )


def rest_port_of(server: Server) -> int:
    assert server.rest_port is not None
    return server.rest_port
