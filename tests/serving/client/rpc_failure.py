"""A remote call that failed, without a server."""

from __future__ import annotations

import grpc


class RpcFailure(grpc.RpcError):
    """How gRPC says that a call failed."""

    def __init__(self, code: grpc.StatusCode, details: str | None = "gone") -> None:
        super().__init__()
        self._code, self._details = code, details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str | None:
        return self._details
