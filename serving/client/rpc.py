"""Remote calls as steps of a generator, and when a call is retried.

A generator that yields `Call` and `Backoff` describes an exchange with a server without waiting for it. The blocking
client and the asyncio client run the same generators: a `Call` is answered with the bytes of the response, or by
throwing the `grpc.RpcError` into the generator, a `Backoff` with None.
"""

from __future__ import annotations

import random
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import grpc

from interestflow.serving.client.channel import INITIAL_BACKOFF, MAX_BACKOFF
from interestflow.serving.client.client_error import client_error

RETRYABLE_CODES = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
"""Codes of servers that cannot be reached, are starting, or have no thread or place in a queue left. No request of the
client changes anything on the server, so sending one twice does no harm."""
TOO_LARGE = "message larger than max"
"""Part of the details of RESOURCE_EXHAUSTED where a retry will not help."""
Result = TypeVar("Result")


class SerializableMessage(Protocol):
    """A protobuf message, of this package or of TensorFlow Serving's own."""

    def SerializeToString(self) -> bytes:
        """Return the encoded message."""


@dataclass(frozen=True)
class Call:
    """One remote call.

    Attributes:
        method: full name of the gRPC method.
        request: bytes of the request.
        timeout: seconds that the call may take.
    """

    method: str
    request: bytes
    timeout: float


@dataclass(frozen=True)
class Backoff:
    """Seconds to wait before the next step."""

    seconds: float


RpcSteps = Generator[Call | Backoff, Any, Result]


class Deadline:
    """End of an exchange, all its calls and backoffs together.

    Args:
        seconds: time from now.
    """

    def __init__(self, seconds: float) -> None:
        """Start the clock."""
        self._end = time.monotonic() + seconds

    def seconds_left(self) -> float:
        """Return the seconds until the deadline; 0 after it."""
        return max(self._end - time.monotonic(), 0.0)


@dataclass(frozen=True)
class RetryingCaller:
    """Makes calls, and retries them where the server could not accept them.

    Attributes:
        address: address of the server, for errors.
        retries: attempts after the first.
    """

    address: str
    retries: int

    def call(self, method: str, request: SerializableMessage, deadline: Deadline) -> RpcSteps[bytes]:
        """Call `method`.

        Raises:
            ClientError: for what the server refuses, or where it cannot be reached before the deadline.
        """
        content = request.SerializeToString()
        backoffs = draw_backoffs(self.retries)
        while True:
            try:
                response: bytes = yield Call(method, content, deadline.seconds_left())
            except grpc.RpcError as error:
                if not is_retryable(error) or not backoffs or backoffs[0] >= deadline.seconds_left():
                    raise client_error(error, self.address) from None
            else:
                return response
            yield Backoff(backoffs.pop(0))


def is_retryable(error: grpc.RpcError) -> bool:
    """Return whether the same request may succeed a moment later."""
    return error.code() in RETRYABLE_CODES and TOO_LARGE not in (error.details() or "")


def draw_backoffs(retries: int) -> list[float]:
    """Return the seconds to wait before each retry.

    They double from `INITIAL_BACKOFF` to `MAX_BACKOFF`. Each is drawn from the upper half of its range, so that clients
    whose server was unavailable do not return all at once.
    """
    return [min(INITIAL_BACKOFF * 2**attempt, MAX_BACKOFF) * random.uniform(0.5, 1.0) for attempt in range(retries)]
