"""Limits of HTTP bodies: size and duration of each, and memory of all together."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass

from aiohttp import web

from interestflow.serving.server.rest_api import TOO_MANY_BODIES, Answer, error_answer
from interestflow.serving.server.rest_connection import Connection, Phase

PATIENCE_SECONDS = 1.0
"""Time that a client has for a body before it may be cut off in favour of others."""


@dataclass(eq=False)
class HeldBody:
    """Memory of the body of a request or of an answer.

    Attributes:
        connection: the client's connection.
        since: time of the event loop at which the body began to be received or written.
        size: bytes held, both as received and as decompressed.
    """

    connection: Connection
    since: float
    size: int = 0


class BodyBudget:
    """Counts the bytes of all bodies in memory. Safe to use from several threads.

    Args:
        max_bytes: most bytes to hold at the same time.
    """

    def __init__(self, max_bytes: int) -> None:
        """Start without bodies."""
        self._max_bytes = max_bytes
        self._bodies: set[HeldBody] = set()
        self._lock = threading.Lock()

    def add(self, body: HeldBody, count: int, even_if_full: bool = False) -> bool:
        """Hold `count` more bytes of a body; return False, and hold none of them, where these are too many."""
        with self._lock:
            if not even_if_full and sum(held.size for held in self._bodies) + count > self._max_bytes:
                return False
            body.size += count
            self._bodies.add(body)
            return True

    def is_full(self) -> bool:
        """Return whether more bytes are held than the limit."""
        with self._lock:
            return sum(held.size for held in self._bodies) > self._max_bytes

    def release(self, body: HeldBody) -> None:
        """Release all bytes of a body."""
        with self._lock:
            self._bodies.discard(body)
            body.size = 0

    def cut_off_slowest(self, now: float) -> bool:
        """Close the connection whose client has been sending or reading a body longest.

        Only the thread of the event loop may call this.

        Returns:
            False where no client has taken longer than `PATIENCE_SECONDS`.
        """
        with self._lock:
            slow = [
                body for body in self._bodies
                if body.connection.phase in (Phase.BODY, Phase.WRITING) and body.since < now - PATIENCE_SECONDS
            ]  # fmt: skip
        if not slow:
            return False
        slowest = min(slow, key=lambda body: body.since)
        self.release(slowest)
        slowest.connection.abort()
        return True


class BodyReader:
    """Reads the bodies of requests. Where too many bytes are held, it cuts off the slowest client.

    Args:
        budget: counts the bytes held.
        max_bytes: size of the largest body accepted.
        seconds: longest time for a client to send a body.
    """

    def __init__(self, budget: BodyBudget, max_bytes: int, seconds: float) -> None:
        """Store the budget and the limits."""
        self._budget, self._max_bytes, self._seconds = budget, max_bytes, seconds

    async def read(self, request: web.BaseRequest, held: HeldBody) -> bytearray | Answer:
        """Return the body of a request, or the answer to one that is too large, too slow or broken.

        The bytes read are held in the budget until the caller releases `held`.
        """
        if (request.content_length or 0) > self._max_bytes:
            return self._too_large()
        connection = held.connection
        if request.headers.get("Expect", "").lower() == "100-continue" and connection.transport is not None:
            connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.enter(Phase.BODY)
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                while chunk := await request.content.readany():
                    if len(body) + len(chunk) > self._max_bytes:
                        return self._too_large()
                    if not self._hold(held, len(chunk)):
                        return error_answer(429, TOO_MANY_BODIES)
                    body += chunk
        except TimeoutError:
            return error_answer(408, f"the body should be sent within {self._seconds:g} seconds")
        except web.RequestPayloadError:
            return error_answer(400, "the body is not encoded as its headers say")
        except BaseException:
            body.clear()  # the traceback of the error would keep it until the next garbage collection
            raise
        return body

    def _hold(self, held: HeldBody, count: int) -> bool:
        while not self._budget.add(held, count):
            if not self._budget.cut_off_slowest(asyncio.get_running_loop().time()) or held.connection.transport is None:
                return False
        return True

    def _too_large(self) -> Answer:
        return error_answer(413, f"the body should have at most {self._max_bytes:,} bytes")
