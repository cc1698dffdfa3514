"""Reads the bodies of HTTP requests within a time, a size, and a sum over all of them."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass

from aiohttp import web

from serving.server.rest_api import Answer, error_answer
from serving.server.rest_connection import Connection, Phase

PATIENCE_SECONDS = 1.0
"""That a client may take for a body before it may be cut off in favour of others."""


@dataclass(eq=False)
class HeldBody:
    """The body of a request or of an answer, which takes memory.

    size: in bytes, of what has been received, and of what that was decompressed to.
    """

    connection: Connection
    since: float
    size: int = 0


class BodyBudget:
    """Bytes of bodies in memory. Any thread may add and release.

    Args:
        max_bytes: that may be held at the same time.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bodies: set[HeldBody] = set()
        self._lock = threading.Lock()

    def add(self, body: HeldBody, count: int, even_if_full: bool = False) -> bool:
        """Hold `count` more bytes of a body; False where these are too many, and then none are held."""
        with self._lock:
            if not even_if_full and sum(each.size for each in self._bodies) + count > self._max_bytes:
                return False
            body.size += count
            self._bodies.add(body)
            return True

    def is_full(self) -> bool:
        """Whether more bytes are held than should be."""
        with self._lock:
            return sum(each.size for each in self._bodies) > self._max_bytes

    def release(self, body: HeldBody) -> None:
        """Let go of a body."""
        with self._lock:
            self._bodies.discard(body)
            body.size = 0

    def cut_off_slowest(self, now: float) -> bool:
        """Close the connection that has been sending or reading its body longest; False where none is slow.

        Only the event loop's thread may call this.
        """
        with self._lock:
            slow = [
                each for each in self._bodies
                if each.connection.phase in (Phase.BODY, Phase.WRITING) and each.since < now - PATIENCE_SECONDS
            ]  # fmt: skip
        if not slow:
            return False
        slowest = min(slow, key=lambda each: each.since)
        self.release(slowest)
        slowest.connection.abort()
        return True


class BodyReader:
    """Reads bodies within a size and a time. Where too much is held, the slowest client is cut off.

    Args:
        budget: of the bytes held.
        max_bytes: size of the largest body.
        seconds: for a client to send a body.
    """

    def __init__(self, budget: BodyBudget, max_bytes: int, seconds: float) -> None:
        self._budget, self._max_bytes, self._seconds = budget, max_bytes, seconds

    async def read(self, request: web.BaseRequest, held: HeldBody) -> bytearray | Answer:
        """Return the body of a request, or the answer to one that is too large, too slow or broken.

        What is read is held in the budget until the caller releases it.
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
                        return error_answer(429, "too many bodies are being received or answered")
                    body += chunk
        except TimeoutError:
            return error_answer(408, f"the body should be sent within {self._seconds:g} seconds")
        except web.RequestPayloadError:
            return error_answer(400, "the body is not encoded as its headers say")
        except BaseException:
            body.clear()  # the error's traceback would keep it for longer
            raise
        return body

    def _hold(self, held: HeldBody, count: int) -> bool:
        while not self._budget.add(held, count):
            if not self._budget.cut_off_slowest(asyncio.get_running_loop().time()) or held.connection.transport is None:
                return False
        return True

    def _too_large(self) -> Answer:
        return error_answer(413, f"the body should have at most {self._max_bytes:,} bytes")
