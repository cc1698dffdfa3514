"""The exception that the client raises."""

from __future__ import annotations

import grpc


class ClientError(Exception):
    """A request that cannot be sent, or that the server did not answer.

    Attributes:
        code: `grpc.StatusCode` of the server's response; None where the client itself refuses the request.
    """

    def __init__(self, message: str, code: grpc.StatusCode | None = None) -> None:
        """Store the message and the code."""
        super().__init__(message)
        self.code = code


def client_error(error: grpc.RpcError, address: str) -> ClientError:
    """Convert a gRPC error to a `ClientError` of one sentence."""
    code, details = error.code(), error.details() or "no details"
    if code == grpc.StatusCode.UNAVAILABLE:
        return ClientError(f"the server at {address} is not available: {details}", code)
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return ClientError(f"the server at {address} did not answer in time", code)
    return ClientError(details, code)
