"""Looks at the bytes of every gRPC request before they are parsed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from interestflow.serving.server.errors import ServingError
from interestflow.serving.server.metrics import ServerMetrics
from interestflow.serving.server.prediction_service import answer_call
from interestflow.serving.server.wire_check import SMALL_BYTES, check_fields


class RequestInterceptor(grpc.ServerInterceptor):
    """Refuses requests that would take too much memory once parsed, whichever service they are for.

    Args:
        max_bytes: memory of a parsed request, roughly.
        metrics: where refused requests are counted.
    """

    def __init__(self, max_bytes: int, metrics: ServerMetrics) -> None:
        self._max_bytes = max_bytes
        self._metrics = metrics
        self._handlers: dict[str, Any] = {}

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        """Return the handler of a call, with a look at its bytes before it where it takes one message."""
        method = handler_call_details.method
        if method not in self._handlers:
            handler = continuation(handler_call_details)
            if handler is None or handler.unary_unary is None:  # an unknown method, or a stream
                return handler
            self._handlers[method] = self._with_check(method.rpartition("/")[2], handler)
        return self._handlers[method]

    def _with_check(self, method: str, handler: Any) -> Any:
        parse = handler.request_deserializer
        descriptor = parse.__self__.DESCRIPTOR

        def deserialize(content: bytes) -> Any:
            """The request, or the error that it is refused with; an exception here would be answered INTERNAL."""
            try:
                if len(content) > SMALL_BYTES:
                    check_fields(content, descriptor, self._max_bytes)
            except ServingError as error:
                return error
            return parse(content)

        def call(request: Any, context: grpc.ServicerContext) -> Any:
            if not isinstance(request, ServingError):
                return handler.unary_unary(request, context)

            def refuse() -> None:
                raise request

            return answer_call(self._metrics, "", method, context, refuse)

        return grpc.unary_unary_rpc_method_handler(call, deserialize, handler.response_serializer)
