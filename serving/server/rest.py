"""The HTTP server of the REST API, which keeps answering regardless of what single clients do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import re
import socket
import ssl
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from aiohttp import web

from interestflow.serving.server.batching import Runner
from interestflow.serving.server.configuration import TLS, ServerOptions
from interestflow.serving.server.errors import ServerConfigurationError
from interestflow.serving.server.manager import Manager
from interestflow.serving.server.metrics import ServerMetrics
from interestflow.serving.server.rest_api import Answer, Request, RestApi, error_answer
from interestflow.serving.server.rest_body import BodyBudget, BodyReader, HeldBody
from interestflow.serving.server.rest_connection import Connection, ConnectionTable, Phase, Timeouts

log = logging.getLogger("interestflow.serving")
MAX_CONNECTIONS = 256
"""Most open connections where the options do not say."""
THREADS = 32
BACKLOG = 128
HELD_BODIES = 2
"""Bodies of the largest size that may be in memory at the same time."""
CLOSE_SECONDS = 0.5
"""Time that connections have to end once they are aborted."""
RETRY_SECONDS = 0.1
"""Time between attempts to accept a connection while the process has no file descriptor left."""
TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 38\r\n"
    b'Connection: close\r\n\r\n{"error": "too many open connections"}'
)


class RestServer:
    """Serves the REST API over HTTP. Its event loop runs in a thread of its own, and requests run in a pool of threads.

    Args:
        manager: manager of the models.
        runner: runner of requests, with or without batching.
        metrics: metrics that count the requests.
        options: options of the server, among them the timeouts and limits of HTTP clients.

    Attributes:
        port: port that the server listens on.

    Raises:
        ServerConfigurationError: where the port or the certificate cannot be used.
    """

    def __init__(self, manager: Manager, runner: Runner, metrics: ServerMetrics, options: ServerOptions) -> None:
        """Listen, and start the event loop."""
        self._api = RestApi(manager, runner, metrics, options)
        self._seconds = options.rest_timeout_seconds or None
        self._requests = threading.BoundedSemaphore(options.max_concurrent_requests)
        self._threads = ThreadPoolExecutor(min(options.max_concurrent_requests, THREADS), "rest")
        self._timeouts = Timeouts(options.http_header_seconds, options.http_body_seconds, options.http_idle_seconds)
        self._table = ConnectionTable(options.max_http_connections or MAX_CONNECTIONS)
        self._budget = BodyBudget(HELD_BODIES * options.max_message_bytes)
        self._bodies = BodyReader(self._budget, options.max_message_bytes, options.http_body_seconds)
        self._ssl = _ssl_context(options.tls)
        self._listeners = _listen(options.host, options.rest_port or 0)
        self.port = int(self._listeners[0].getsockname()[1])
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _, context: log.debug("HTTP: %s", context.get("message")))
        self._thread = threading.Thread(target=self._loop.run_forever, name="rest", daemon=True)
        self._thread.start()
        self._submit(self._start()).result()

    def stop(self, grace: float) -> None:
        """Stop listening, let running requests end, and abort what is left once `grace` seconds are over."""
        try:
            self._submit(self._drain(max(grace - CLOSE_SECONDS, 0.0))).result(grace + CLOSE_SECONDS)
        except Exception:  # no connection should keep the server from stopping
            log.exception("the HTTP connections did not end as they should")
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()

    def _submit(self, coroutine: Coroutine[Any, Any, None]) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _start(self) -> None:
        self._web = web.Server(self._handle)
        for listener in self._listeners:
            self._spawn(self._accept(listener))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self, listener: socket.socket) -> None:
        has_failed = False
        while True:
            try:
                accepted, _ = await self._loop.sock_accept(listener)
                has_failed = False
            except OSError as error:
                if not has_failed:
                    log.warning("an HTTP connection cannot be accepted: %s", error.strerror)
                has_failed = True
                await asyncio.sleep(RETRY_SECONDS)
                continue
            connection = Connection(self._web, self._table, self._timeouts, accepted)
            if self._table.add(connection):
                connection.opening = self._spawn(self._open(connection, accepted))
            else:
                _reject(accepted, in_plain_text=self._ssl is None)
            await asyncio.sleep(0)  # open connections take precedence over new ones

    async def _open(self, connection: Connection, accepted: socket.socket) -> None:
        connection.accepted = None
        seconds = {} if self._ssl is None else {
            "ssl_handshake_timeout": self._timeouts.headers, "ssl_shutdown_timeout": CLOSE_SECONDS,
        }  # fmt: skip
        try:
            await self._loop.connect_accepted_socket(lambda: connection, accepted, ssl=self._ssl, **seconds)
        except BaseException as error:
            self._table.remove(connection)
            if not isinstance(error, OSError):  # an OSError is a failed TLS handshake
                raise
        finally:
            connection.opening = None

    async def _drain(self, seconds: float) -> None:
        for task in self._tasks:
            task.cancel()
        for listener in self._listeners:
            listener.close()
        for connection in self._table:
            connection.drain()
        end = self._loop.time() + seconds
        while len(self._table) and self._loop.time() < end:
            await asyncio.sleep(0.01)
        for connection in self._table:
            connection.abort()
        other_tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in other_tasks:
            task.cancel()
        if other_tasks:
            await asyncio.wait(other_tasks, timeout=CLOSE_SECONDS / 2)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, Connection)
        path = _target(request)
        if not self._api.has_path(path):
            return _response(self._api.answer(Request(request.method, path)))
        held = HeldBody(connection, self._loop.time())
        try:
            body = await self._bodies.read(request, held)
        except BaseException:
            self._budget.release(held)
            raise
        if isinstance(body, Answer):
            self._budget.release(held)
            response = _response(body)
            response.force_close()
            return response
        connection.enter(Phase.RUNNING)
        api_request = Request(
            request.method, path, body,
            gzipped="gzip" in request.headers.get("Content-Encoding", ""),
            origin=request.headers.get("Origin", ""),
            deadline=time.monotonic() + (self._seconds or math.inf),
            reserve=partial(self._budget.add, held),
        )  # fmt: skip
        answer = await self._answer(api_request, held)
        self._hold_until_written(answer, connection)
        return _response(answer)

    def _hold_until_written(self, answer: Answer, connection: Connection) -> None:
        held = HeldBody(connection, self._loop.time())
        self._budget.add(held, len(answer.body), even_if_full=True)
        connection.on_written = partial(self._budget.release, held)
        while self._budget.is_full() and self._budget.cut_off_slowest(self._loop.time()):
            pass

    async def _answer(self, request: Request, held: HeldBody) -> Answer:
        if not self._requests.acquire(blocking=False):
            self._budget.release(held)
            return error_answer(429, "too many requests at the same time")

        def end(_: Future[Answer] | None = None) -> None:
            self._requests.release()
            self._budget.release(held)

        try:
            future = self._threads.submit(self._api.answer, request)
        except RuntimeError:  # the server is stopping
            end()
            return error_answer(503, "the server is stopping")
        future.add_done_callback(end)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._seconds)
        except TimeoutError:  # the thread runs to its end, but nobody waits for it
            return self._api.timed_out()


def _target(request: web.BaseRequest) -> str:
    """Return the path and query of a request as they were sent; bytes that are not UTF-8 are replaced."""
    target = re.sub(r"^https?://[^/]*", "", request.raw_path, flags=re.IGNORECASE)
    return target.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _response(answer: Answer) -> web.Response:
    headers = {"Content-Type": answer.content_type, "Server": "interestflow", **answer.headers}
    return web.Response(status=answer.status, body=answer.body, headers=headers)


def _listen(host: str, port: int) -> list[socket.socket]:
    """Listen on each address of `host`, all with the same port.

    Raises:
        ServerConfigurationError: where the port cannot be used.
    """
    listeners: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(
            socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        ):
            listener = socket.socket(family, kind, protocol)
            listeners.append(listener)
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address[0], port or listeners[0].getsockname()[1], *address[2:]))
            listener.listen(BACKLOG)
    except OSError as error:
        for listener in listeners:
            listener.close()
        raise ServerConfigurationError(f"the REST port {host}:{port} cannot be used: {error.strerror}") from None
    return listeners


def _reject(accepted: socket.socket, in_plain_text: bool) -> None:
    with contextlib.suppress(OSError):
        accepted.setblocking(False)
        if in_plain_text:
            accepted.send(TOO_MANY)
    accepted.close()


def _ssl_context(tls: TLS | None) -> ssl.SSLContext | None:
    """Return the context that serves TLS, or None for plain text.

    Raises:
        ServerConfigurationError: for files that OpenSSL does not accept.
    """
    if tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(tls.certificate, tls.key, password="")
        if tls.client_authority is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(tls.client_authority)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "unreadable"
        raise ServerConfigurationError(
            f"the certificate {tls.certificate} and the key {tls.key} cannot be used: {reason}"
        ) from None
    return context
