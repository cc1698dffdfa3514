"""Connections of HTTP clients, each with a deadline for what it is waited for, and a limit on their number."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from aiohttp import web

log = logging.getLogger("interestflow.serving")
LINGERING_SECONDS = 2.0
"""That the rest of a rejected body is read for, so that the client gets to read why."""


@dataclass(frozen=True)
class Timeouts:
    """Seconds that the server waits for a client.

    headers: for the headers of a request.
    body: for a body, and for the client to read an answer.
    idle: for the next request.
    """

    headers: float
    body: float
    idle: float


class Phase(Enum):
    """What a connection is doing. In all phases but RUNNING the server waits for the client."""

    IDLE = "idle"
    HEADERS = "headers"
    BODY = "body"
    RUNNING = "running"
    WRITING = "writing"


class ConnectionTable:
    """The open connections, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._connections: set[Connection] = set()

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._connections))

    def add(self, connection: Connection) -> bool:
        """Add a connection, in place of the one that has kept the server waiting longest if there are too many.

        Returns:
            False where there is no place, since all others are being answered.
        """
        if len(self._connections) >= self._limit:
            waiting = [each for each in self._connections if each.phase is not Phase.RUNNING]
            if not waiting:
                return False
            longest = min(waiting, key=lambda each: each.since)
            self.remove(longest)
            longest.abort()
        self._connections.add(connection)
        return True

    def remove(self, connection: Connection) -> None:
        """Remove a connection if it is there."""
        self._connections.discard(connection)


class Connection(web.RequestHandler):
    """aiohttp's connection with deadlines that it does not have.

    Attributes:
        phase: what it is doing.
        since: when it began that, in the loop's time.
        accepted: its socket, until asyncio takes it over.
        opening: the task in which asyncio takes it over, with TLS if it is asked for; None afterwards.
        on_written: called when the answer to a request has been handed over to the network, or cannot be.
    """

    def __init__(
        self, server: web.Server, table: ConnectionTable, timeouts: Timeouts, accepted: socket.socket | None = None
    ) -> None:
        loop = asyncio.get_running_loop()
        # aiohttp's own deadline of idle connections is set aside: it has none for the first bytes of a request, and
        # it closes gently, which waits for clients that do not read.
        super().__init__(
            server, loop=loop, keepalive_timeout=10**9, lingering_time=LINGERING_SECONDS, auto_decompress=False,
            access_log=None,  # type: ignore[arg-type]
        )  # fmt: skip
        self._clock, self._table, self._timeouts = loop, table, timeouts
        self.phase, self.since = Phase.HEADERS, loop.time()
        self.accepted = accepted
        self.opening: asyncio.Task[None] | None = None
        self.on_written: Callable[[], None] = _ignore
        self._deadline: asyncio.TimerHandle | None = None
        self._is_draining = False

    def enter(self, phase: Phase) -> None:
        """Begin a phase, with its deadline in place of the one before.

        Those of BODY and RUNNING are the caller's, who answers when they are over.
        """
        self.phase, self.since = phase, self._clock.time()
        self._cancel_deadline()
        timeouts = self._timeouts
        seconds = {Phase.HEADERS: timeouts.headers, Phase.IDLE: timeouts.idle, Phase.WRITING: timeouts.body}.get(phase)
        if seconds is not None and self.transport is not None:
            self._deadline = self._clock.call_later(seconds, self.abort)

    def drain(self) -> None:
        """Close the connection once what it asked for is answered; at once if that is nothing."""
        self._is_draining = True
        if self.phase in (Phase.IDLE, Phase.HEADERS):
            self.abort()

    def abort(self) -> None:
        """Close the connection without waiting for the client in any way."""
        transport = self.transport
        if self.accepted is not None:
            self.accepted.close()
        if transport is None and self.opening is not None:
            self.opening.cancel()
        if transport is not None and self.phase is Phase.WRITING:  # what the client does not read is not kept either
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.force_close()
        if transport is not None:
            transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.enter(Phase.HEADERS)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._table.remove(self)
        self._cancel_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if data and self.phase is Phase.IDLE:
            self.enter(Phase.HEADERS)
        super().data_received(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.enter(Phase.WRITING)

    def resume_writing(self) -> None:
        super().resume_writing()
        self.enter(Phase.IDLE)

    async def finish_response(self, request: Any, resp: Any, start_time: float | None) -> tuple[Any, bool]:
        if self._is_draining:
            resp.force_close()
        self.enter(Phase.WRITING)
        try:
            result = await super().finish_response(request, resp, start_time)
        finally:
            self.on_written()
        if not self.writing_paused:
            self.enter(Phase.IDLE)
        return result

    def handle_error(
        self, request: Any, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what is not HTTP, in JSON and without aiohttp's traceback in the log."""
        log.debug("a REST request could not be read", exc_info=exc)
        # The parser's message begins with a few words; what it shows after them is bytes as Python writes them.
        words = re.match(r"[\w `'/-]*", message or "")
        reason = words[0] if words and words[0] and status < 500 else "the request failed"
        response = web.json_response({"error": f"the request cannot be read: {reason}"}, status=status)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        log.debug(*args, **kw)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _ignore() -> None:
    pass
