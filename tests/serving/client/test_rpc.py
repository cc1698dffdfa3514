"""Retries of a call, step by step, without a server."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from interestflow.serving.client.channel import GET_STATUS
from interestflow.serving.client.client_error import ClientError
from interestflow.serving.client.protocol_pb2 import GetModelStatusRequest
from interestflow.serving.client.rpc import Backoff, Call, Deadline, RetryingCaller, draw_backoffs, is_retryable
from tests.serving.client.rpc_failure import RpcFailure

REQUEST = GetModelStatusRequest()


def steps(retries: int, seconds: float = 100.0) -> Any:
    return RetryingCaller("host:1", retries).call(GET_STATUS, REQUEST, Deadline(seconds))


def test_a_call_is_answered_by_the_response() -> None:
    exchange = steps(3)
    call = next(exchange)
    assert isinstance(call, Call)
    assert (call.method, call.request) == (GET_STATUS, REQUEST.SerializeToString())
    assert 99.0 < call.timeout <= 100.0
    with pytest.raises(StopIteration) as end:
        exchange.send(b"response")
    assert end.value.value == b"response"


def test_a_backoff_comes_before_each_retry() -> None:
    exchange = steps(2)
    assert isinstance(next(exchange), Call)
    for _ in range(2):
        assert isinstance(exchange.throw(RpcFailure(grpc.StatusCode.UNAVAILABLE)), Backoff)
        assert isinstance(next(exchange), Call)
    with pytest.raises(ClientError, match=r"^the server at host:1 is not available: gone$"):
        exchange.throw(RpcFailure(grpc.StatusCode.UNAVAILABLE))


def test_no_backoff_reaches_beyond_the_deadline() -> None:
    exchange = steps(100, seconds=0.001)
    next(exchange)
    with pytest.raises(ClientError, match="is not available"):
        exchange.throw(RpcFailure(grpc.StatusCode.UNAVAILABLE))


def test_backoffs_double_and_differ() -> None:
    for attempt, backoff in enumerate(draw_backoffs(8)):
        longest = min(0.05 * 2**attempt, 1.0)
        assert longest / 2 <= backoff <= longest
    assert draw_backoffs(0) == []
    assert draw_backoffs(8) != draw_backoffs(8)


@pytest.mark.parametrize(
    ("code", "details", "expected"),
    [
        (grpc.StatusCode.UNAVAILABLE, None, True),
        (grpc.StatusCode.UNAVAILABLE, "The batch scheduling queue to which this task was submitted is full", True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "Server Threadpool Exhausted", True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "CLIENT: Sent message larger than max (9 vs. 4)", False),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "", False),
        (grpc.StatusCode.INVALID_ARGUMENT, "", False),
    ],
)
def test_what_is_retryable(code: grpc.StatusCode, details: str | None, expected: bool) -> None:
    assert is_retryable(RpcFailure(code, details)) is expected


def test_a_refusal_is_one_sentence() -> None:
    for code, details, says in (
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", "the server at host:1 did not answer in time"),
        (grpc.StatusCode.NOT_FOUND, "Servable not found", "Servable not found"),
        (grpc.StatusCode.UNKNOWN, None, "no details"),
    ):
        exchange = steps(3)
        next(exchange)
        with pytest.raises(ClientError, match=f"^{says}$") as raised:
            exchange.throw(RpcFailure(code, details))
        assert raised.value.code == code
