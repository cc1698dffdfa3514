"""Connections of HTTP clients, with a deadline for everything the server waits for, and a limit on their number."""

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
"""Time for which the rest of a rejected body is read and dropped, so that the client gets to read the answer."""


@dataclass(frozen=True)
class Timeouts:
    """Longest times that the server waits for a client, in seconds.

    Attributes:
        headers: time for a client to send the headers of a request.
        body: time for a client to send a body, and to read an answer.
        idle: time until the next request on a connection.
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
        """Start without connections."""
        self._limit = limit
        self._connections: set[Connection] = set()

    def __len__(self) -> int:
        """Return the number of open connections."""
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        """Iterate over a copy, so that connections may be removed meanwhile."""
        return iter(list(self._connections))

    def add(self, connection: Connection) -> bool:
        """Add a connection. Where there are too many, abort the one that has kept the server waiting longest.

        Returns:
            False where the connection is not added, because all others are being answered.
        """
        if len(self._connections) >= self._limit:
            waiting = [other for other in self._connections if other.phase is not Phase.RUNNING]
            if not waiting:
                return False
            longest = min(waiting, key=lambda other: other.since)
            self.remove(longest)
            longest.abort()
        self._connections.add(connection)
        return True

    def remove(self, connection: Connection) -> None:
        """Remove a connection if it is there."""
        self._connections.discard(connection)


class Connection(web.RequestHandler):
    """A connection of aiohttp's, with deadlines that aiohttp does not have.

    Args:
        server: aiohttp's server.
        table: the table that the connection is in.
        timeouts: deadlines.
        accepted: the socket.

    Attributes:
        phase: what the connection is doing.
        since: time of the event loop at which the phase began.
        accepted: the socket until asyncio takes it over; None afterwards.
        opening: the task in which asyncio takes the socket over and agrees on TLS; None afterwards.
        on_written: function to call once an answer has been handed to the network, or cannot be.
    """

    def __init__(
        self, server: web.Server, table: ConnectionTable, timeouts: Timeouts, accepted: socket.socket | None = None
    ) -> None:
        """Switch off aiohttp's own timeout, which the deadlines here replace."""
        loop = asyncio.get_running_loop()
        # aiohttp's own timeout of idle connections is out of use: it does not cover a request whose headers are
        # incomplete, and it closes a connection gently, which waits for clients that do not read.
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
        """Begin a phase, and replace the deadline of the one before.

        BODY and RUNNING have no deadline here: the caller has one, and answers the client when it is over.
        """
        self.phase, self.since = phase, self._clock.time()
        self._cancel_deadline()
        timeouts = self._timeouts
        seconds = {Phase.HEADERS: timeouts.headers, Phase.IDLE: timeouts.idle, Phase.WRITING: timeouts.body}.get(phase)
        if seconds is not None and self.transport is not None:
            self._deadline = self._clock.call_later(seconds, self.abort)

    def drain(self) -> None:
        """Close the connection once the request under way is answered, or at once where there is none."""
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
        if transport is not None and self.phase is Phase.WRITING:
            # The kernel drops what the client has not read, instead of keeping it for a client that never will.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.force_close()
        if transport is not None:
            transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for headers."""
        super().connection_made(transport)
        self.enter(Phase.HEADERS)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave the table of connections."""
        self._table.remove(self)
        self._cancel_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Begin to wait for the rest of the headers where the connection was idle."""
        if data and self.phase is Phase.IDLE:
            self.enter(Phase.HEADERS)
        super().data_received(data)

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self.enter(Phase.WRITING)

    def resume_writing(self) -> None:
        """Wait for the next request again."""
        super().resume_writing()
        self.enter(Phase.IDLE)

    async def finish_response(self, request: Any, resp: Any, start_time: float | None) -> tuple[Any, bool]:
        """Write the answer within the deadline of WRITING."""
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
        """Return the answer to what is not HTTP: JSON, without the traceback that aiohttp would log."""
        log.debug("a REST request could not be read", exc_info=exc)
        # The parser's message begins with a few words. After them it shows bytes as Python writes them.
        words = re.match(r"[\w `'/-]*", message or "")
        reason = words[0] if words and words[0] and status < 500 else "the request failed"
        response = web.json_response({"error": f"the request cannot be read: {reason}"}, status=status)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log at the level of debugging: errors of clients are no errors of the server."""
        log.debug(*args, **kw)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _ignore() -> None:
    pass
