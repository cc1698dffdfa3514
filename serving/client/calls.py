"""Calls to a server as steps of a generator, and when a call is made again.

A generator that yields `Call` and `Pause` describes a conversation with a server without waiting for it. The blocking
client and the awaited one run the same generators: a `Call` is answered with the bytes of the response, or by throwing
the `grpc.RpcError` into the generator, a `Pause` with None.
"""

from __future__ import annotations

import random
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc

from interestflow.serving.client.channel import FIRST_PAUSE, LONGEST_PAUSE
from interestflow.serving.client.client_error import client_error

RETRIED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
"""Codes of servers that are not there, are starting, or have no thread or place in a queue left. All that the client
asks for changes nothing on the server, so asking twice does no harm."""
TOO_LARGE = "message larger than max"
"""In the details of RESOURCE_EXHAUSTED where it will not help to ask again."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class Call:
    """One remote call: its method, the request's bytes and the seconds that it may take."""

    method: str
    request: bytes
    timeout: float


@dataclass(frozen=True)
class Pause:
    """Seconds to wait before the next step."""

    seconds: float


Steps = Generator[Call | Pause, Any, Result]


class Deadline:
    """The end of a conversation, all its calls and pauses together."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def seconds_left(self) -> float:
        return max(self._end - time.monotonic(), 0.0)


@dataclass(frozen=True)
class Caller:
    """Makes calls, and makes them again where the server could not take them.

    Attributes:
        address: of the server, for errors.
        retries: attempts after the first.
    """

    address: str
    retries: int

    def call(self, method: str, request: Any, deadline: Deadline) -> Steps[bytes]:
        """Call `method`.

        Raises:
            ClientError: for what the server refuses, or where it cannot be reached before the deadline.
        """
        content = request.SerializeToString()
        pauses = retry_pauses(self.retries)
        while True:
            try:
                response: bytes = yield Call(method, content, deadline.seconds_left())
            except grpc.RpcError as error:
                if not is_transient(error) or not pauses or pauses[0] >= deadline.seconds_left():
                    raise client_error(error, self.address) from None
            else:
                return response
            yield Pause(pauses.pop(0))


def is_transient(error: grpc.RpcError) -> bool:
    """Whether the same request may be answered a moment later."""
    return error.code() in RETRIED and TOO_LARGE not in (error.details() or "")


def retry_pauses(retries: int) -> list[float]:
    """Return the seconds to wait before each further attempt.

    They double from `FIRST_PAUSE` to `LONGEST_PAUSE`, and each is drawn from the upper half, so that clients whose
    server was gone do not come back all at once.
    """
    return [min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE) * random.uniform(0.5, 1.0) for attempt in range(retries)]
