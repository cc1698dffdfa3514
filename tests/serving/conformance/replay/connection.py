"""Send a case to a server and return its answer in the format of the recordings."""

from __future__ import annotations

import base64
import gzip
import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.serving.conformance.replay.messages import CLASSES, request_bytes
from tests.serving.conformance.replay.recordings import Folders

TIMEOUT_SECONDS = 20.0
HEADERS = (
    "allow", "content-encoding", "content-type", "access-control-allow-headers", "access-control-allow-methods",
    "access-control-allow-origin",
)  # fmt: skip
"""Headers of REST answers that recordings hold."""
UNLIMITED = [
    ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.enable_retries", 0),
]  # fmt: skip

Answer = dict[str, Any]


class Connection:
    """Connection to one server.

    Args:
        grpc_address, rest_address: `host:port` of the server's two faces.
        folders: what placeholders in the cases stand for.
    """

    def __init__(self, grpc_address: str, rest_address: str, folders: Folders) -> None:
        self._folders = folders
        self._rest_address = rest_address
        self._channel = grpc.insecure_channel(grpc_address, UNLIMITED)
        grpc.channel_ready_future(self._channel).result(timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        self._channel.close()

    def send(self, case: dict[str, Any]) -> Answer:
        """Send the case, and return an answer with `code`, `status` or, for requests sent together, `answers`."""
        case = {**case, **{key: self._folders.fill(case[key]) for key in ("request", "path", "body") if key in case}}
        by_api = {"grpc": self._call, "health": self._check, "rest": self._request, "together": self._send_together}
        return by_api[case["api"]](case)

    def _call(self, case: dict[str, Any]) -> Answer:
        method = case["method"]
        path = f"/tensorflow.serving.{method}" if method in CLASSES else f"/{method}"
        call = self._channel.unary_unary(path)
        try:
            content = call(request_bytes(case), timeout=case.get("timeout", TIMEOUT_SECONDS))
        except grpc.RpcError as error:
            return {"code": error.code().name, "message": self._folders.clear(error.details())}
        if case.get("answer_size") or method not in CLASSES:
            return {"code": "OK", "bytes": len(content)}
        return {"code": "OK", "response": CLASSES[method][1].FromString(content)}

    def _check(self, case: dict[str, Any]) -> Answer:
        stub = health_pb2_grpc.HealthStub(self._channel)
        try:
            response = stub.Check(health_pb2.HealthCheckRequest(service=case["service"]), timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            return {"code": error.code().name, "message": error.details()}
        return {"code": "OK", "status": health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)}

    def _request(self, case: dict[str, Any]) -> Answer:
        body = base64.b64decode(case["body_base64"]) if "body_base64" in case else (case.get("body") or "").encode()
        if case.get("gzip_body"):
            body = gzip.compress(body)
        connection = http.client.HTTPConnection(self._rest_address, timeout=case.get("timeout", TIMEOUT_SECONDS))
        has_body = "body" in case or "body_base64" in case
        try:
            connection.request(case["method"], case["path"], body if has_body else None, case.get("headers", {}))
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            return {"status": 0, "body": type(error).__name__}
        finally:
            connection.close()
        headers = {name.lower(): value for name, value in response.getheaders() if name.lower() in HEADERS}
        if headers.get("content-encoding") == "gzip":
            content = gzip.decompress(content)
        text = self._folders.clear(content.decode("utf-8", "replace"))
        return {"status": response.status, "headers": headers, "body": text}

    def _send_together(self, case: dict[str, Any]) -> Answer:
        """Send `requests` at once, `apart` seconds after one another, or each `at` its second."""
        requests = case["requests"]
        answers: list[Answer] = [{} for _ in requests]
        start = threading.Barrier(len(requests))

        def send_request(index: int) -> None:
            request = requests[index]
            start.wait()
            time.sleep(request.get("at", index * case.get("apart", 0.0)))
            answers[index] = self.send({"api": "grpc", **request})

        threads = [threading.Thread(target=send_request, args=(index,)) for index in range(len(requests))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"answers": answers}


@contextmanager
def connect(grpc_address: str, rest_address: str, folders: Folders) -> Iterator[Connection]:
    """Connect to a server for as long as the block runs."""
    connection = Connection(grpc_address, rest_address, folders)
    try:
        yield connection
    finally:
        connection.close()
