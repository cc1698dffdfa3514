"""Protection of gRPC's threads from clients that send nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

MAX_STREAMS = 8
"""Most streams (of reflection and of the health service) at the same time; each takes a thread until it ends."""
CHECKS = 10
"""Number of checks within the time that a client has."""


class CallGuard(grpc.ServerInterceptor):
    """Cancels calls whose next message does not come, and limits the number of streams.

    gRPC's Python server waits for the message of a call in the thread that will answer it, without a time limit. Here
    such a call is cancelled.

    Args:
        seconds: longest time for a client to send a message.
    """

    def __init__(self, seconds: float) -> None:
        """Start without calls; `start` begins to check."""
        self._seconds = seconds
        self._streams = threading.BoundedSemaphore(MAX_STREAMS)
        self._lock = threading.Lock()
        self._waiting: dict[grpc.ServicerContext, float] = {}
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start to check in a thread."""
        threading.Thread(target=self._keep_checking, name="calls", daemon=True).start()

    def stop(self) -> None:
        """Stop checking."""
        self._stopping.set()

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler | None:
        """Return the handler of a call, guarded."""
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        parse, write = handler.request_deserializer, handler.response_serializer
        # A call of one message is handled as a stream of one, since waiting for a stream can be cancelled.
        if handler.unary_unary is not None:
            return grpc.stream_unary_rpc_method_handler(self._guard_call(handler.unary_unary), parse, write)
        behavior = handler.stream_stream or handler.unary_stream
        return grpc.stream_stream_rpc_method_handler(
            self._guard_stream(behavior, handler.request_streaming), parse, write
        )

    def _guard_call(self, behavior: Callable[..., Any]) -> Callable[..., Any]:
        def call(requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
            return behavior(self._receive_one(requests, context), context)

        return call

    def _guard_stream(self, behavior: Callable[..., Any], takes_stream: bool) -> Callable[..., Any]:
        def stream(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
            if not self._streams.acquire(blocking=False):
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"there are {MAX_STREAMS} streams already")
            try:
                received = (
                    self._receive_all(requests, context) if takes_stream else self._receive_one(requests, context)
                )
                yield from behavior(received, context)
            finally:
                self._streams.release()

        return stream

    def _receive_all(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        while True:
            with self._wait(context):
                request = next(requests, None)
            if request is None:
                return
            yield request

    def _receive_one(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
        with self._wait(context):
            request = next(requests, None)
        if request is None:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the call should have a request, received none")
        return request

    @contextmanager
    def _wait(self, context: grpc.ServicerContext) -> Iterator[None]:
        with self._lock:
            self._waiting[context] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                del self._waiting[context]

    def _keep_checking(self) -> None:
        while not self._stopping.wait(self._seconds / CHECKS):
            oldest = time.monotonic() - self._seconds
            with self._lock:
                late = [context for context, since in self._waiting.items() if since < oldest]
            for context in late:
                context.cancel()
