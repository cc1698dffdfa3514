"""The asynchronous client answers as the synchronous one does."""

from __future__ import annotations

import asyncio
import inspect
import socket
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2

from interestflow.serving.client import AsyncClient, Client, ClientError, ClientTLS, protocol_pb2
from tests.serving.client.described_models import NAME
from tests.serving.client.scripted_server import Refusal, ScriptedServer

USER = {"user": "u1", "history_item": ["i0", "i1"] * 5, "history_age": list(range(10, 0, -1))}
CANDIDATES = [{"item": f"i{index}", "price": index / 3} for index in range(11)]


def assert_equal(answer: Any, expected: Any) -> None:
    """Check that two answers are equal, with every number of their arrays."""
    assert type(answer) is type(expected)
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(answer, expected)
    elif isinstance(expected, dict):
        assert answer.keys() == expected.keys()
        for key, value in expected.items():
            assert_equal(answer[key], value)
    elif hasattr(expected, "__dataclass_fields__"):
        for field in expected.__dataclass_fields__:
            assert_equal(getattr(answer, field), getattr(expected, field))
    else:
        assert answer == expected


def test_both_clients_have_the_same_methods_and_arguments() -> None:
    def signatures(kind: type) -> dict[str, list[Any]]:
        return {
            name: [(parameter.name, parameter.default, parameter.annotation)
                   for parameter in inspect.signature(member).parameters.values()]
            for name, member in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_") or name == "__init__"
        }  # fmt: skip

    assert signatures(AsyncClient) == signatures(Client)


def test_a_ranker_answers_the_same(port: int) -> None:
    address = f"127.0.0.1:{port}"
    rows = [{**USER, **candidate} for candidate in CANDIDATES]
    examples = {"examples": [b"", b""]}
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "shop"
    request.inputs["examples"].CopyFrom(_text_proto(b""))

    async def ask() -> None:
        async with AsyncClient(address, "shop", timeout=60) as awaited:
            expected = client.rank(USER, CANDIDATES)
            for ranking in await asyncio.gather(*(awaited.rank(USER, CANDIDATES) for _ in range(5))):
                assert_equal(ranking, expected)
            assert_equal(await awaited.score(rows), client.score(rows))
            assert_equal(await awaited.rank(USER, []), client.rank(USER, []))
            assert_equal(await awaited.score([]), client.score([]))
            assert_equal(await awaited.run("serving_default", examples), client.run("serving_default", examples))
            assert_equal(await awaited.metadata(), client.metadata())
            assert await awaited.status() == {1: "AVAILABLE"}
            assert await awaited.is_healthy()
            assert awaited.spec("rank") == client.spec("rank")
            response = await awaited.predict(request)
            assert type(response) is predict_pb2.PredictResponse
            assert response == client.predict(request)
            with pytest.raises(ClientError, match="the user has colour"):
                await awaited.rank({"colour": "red"}, ["i1"])

    with Client(address, "shop", timeout=60) as client:
        asyncio.run(ask())


def _text_proto(value: bytes) -> Any:
    proto = tensor_pb2.TensorProto(dtype="DT_STRING", string_val=[value])
    proto.tensor_shape.dim.add(size=1)
    return proto


def test_a_matcher_answers_the_same(matcher: str) -> None:
    user = {"history_item": USER["history_item"], "history_age": USER["history_age"], "device": "tv"}

    async def ask() -> None:
        async with AsyncClient(matcher, NAME, timeout=60) as awaited:
            assert_equal(await awaited.retrieve(user, 7), client.retrieve(user, 7))
            assert_equal(await awaited.retrieve(user, 0), client.retrieve(user, 0))
            assert_equal(await awaited.encode_user([user] * 9), client.encode_user([user] * 9))
            assert_equal(await awaited.encode_items(["a", "b"]), client.encode_items(["a", "b"]))
            with pytest.raises(ClientError, match="`count` should be a whole number"):
                await awaited.retrieve(user, -1)
        async with AsyncClient(matcher, NAME, require_features=True) as strict:
            with pytest.raises(ClientError, match="the request lacks device"):
                await strict.retrieve({}, 1)

    with Client(matcher, NAME, timeout=60) as client:
        asyncio.run(ask())


def test_a_server_without_capacity_is_asked_again() -> None:
    refusals = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED]

    def answer(method: str, request: Any) -> Any:
        if refusals:
            raise Refusal(refusals.pop(), "no thread left")
        return protocol_pb2.GetModelStatusResponse()

    async def ask() -> None:
        async with AsyncClient(server.address, "m", timeout=60) as client:
            assert await client.status() == {}

    with ScriptedServer(answer) as server:
        asyncio.run(ask())
        assert len(server.requests) == 3


def test_nobody_there_is_one_sentence() -> None:
    with socket.socket() as busy_socket:
        busy_socket.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{busy_socket.getsockname()[1]}"

    async def ask() -> None:
        async with AsyncClient(address, "shop", timeout=2, retries=1) as nobody:
            with pytest.raises(ClientError, match=f"the server at {address} is not available"):
                await nobody.status()

    asyncio.run(ask())


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="cannot be read"):
        AsyncClient("localhost:1", "shop", tls=ClientTLS(str(tmp_path / "ca.crt")))
