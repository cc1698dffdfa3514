"""What a request, or the server's own configuration, is refused with."""

from __future__ import annotations

import grpc


class ServingError(Exception):
    """An answer other than the one asked for: a gRPC status code and one sentence."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ServerConfigurationError(Exception):
    """A file or an option that the server cannot start with; the message names it."""


def invalid(message: str) -> ServingError:
    return ServingError(grpc.StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> ServingError:
    return ServingError(grpc.StatusCode.NOT_FOUND, message)
