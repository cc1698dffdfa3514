"""Channels: TLS files, and bytes in and out of every method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interestflow.serving.client import ClientError, ClientTLS, protocol_pb2
from interestflow.serving.client.channel import (
    CHECK_HEALTH,
    GET_METADATA,
    GET_STATUS,
    PREDICT,
    method_callables,
    open_channel,  # fmt: skip
)
from tests.serving.client.scripted_server import ScriptedServer


def test_every_method_is_called_with_bytes_and_gives_bytes() -> None:
    def answer(method: str, request: Any) -> Any:
        assert method == GET_STATUS
        response = protocol_pb2.GetModelStatusResponse()
        response.model_version_status.add(version=7)
        return response

    request = protocol_pb2.GetModelStatusRequest(model_spec=protocol_pb2.ModelSpec(name="m"))
    with ScriptedServer(answer) as server, open_channel(server.address, None) as channel:
        callables = method_callables(channel)
        assert set(callables) == {PREDICT, GET_METADATA, GET_STATUS, CHECK_HEALTH}
        content = callables[GET_STATUS](request.SerializeToString(), timeout=60)
    assert protocol_pb2.GetModelStatusResponse.FromString(content).model_version_status[0].version == 7


def test_a_certificate_needs_its_key_and_a_key_its_certificate(tmp_path: Path) -> None:
    path = tmp_path / "client.pem"
    path.write_bytes(b"PEM")
    for tls in (ClientTLS(certificate=str(path)), ClientTLS(key=str(path))):
        with pytest.raises(ClientError, match=r"^a client's certificate and its key should be given together$"):
            tls.credentials()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    with pytest.raises(ClientError, match=rf"^{path} cannot be read: No such file or directory$"):
        open_channel("localhost:1", ClientTLS(authority=str(path)))
