"""Check of the bytes of every gRPC request before they are parsed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from interestflow.serving.server.errors import ServingError
from interestflow.serving.server.metrics import ServerMetrics
from interestflow.serving.server.prediction_service import answer_call
from interestflow.serving.server.wire_check import SMALL_BYTES, check_fields


class RequestInterceptor(grpc.ServerInterceptor):
    """Refuses requests to any service that would take too much memory once parsed.

    Args:
        max_bytes: approximate memory that a parsed request may take.
        metrics: metrics that count refused requests.
    """

    def __init__(self, max_bytes: int, metrics: ServerMetrics) -> None:
        """Start without handlers; each is built at the first call of its method."""
        self._max_bytes = max_bytes
        self._metrics = metrics
        self._handlers: dict[str, grpc.RpcMethodHandler] = {}

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler | None:
        """Return the handler of a call; one that takes a single message gets a check of its bytes."""
        method = handler_call_details.method
        if method not in self._handlers:
            handler = continuation(handler_call_details)
            if handler is None or handler.unary_unary is None:  # an unknown method, or a stream
                return handler
            self._handlers[method] = self._with_check(method.rpartition("/")[2], handler)
        return self._handlers[method]

    def _with_check(self, method: str, handler: grpc.RpcMethodHandler) -> grpc.RpcMethodHandler:
        parse = handler.request_deserializer
        descriptor = parse.__self__.DESCRIPTOR

        def deserialize(content: bytes) -> Any:
            """Return the request, or the error that refuses it; an exception here would be answered INTERNAL."""
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
