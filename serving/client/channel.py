"""How a client reaches a server, and when it asks again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc

from serving.client.messages import ClientError

MESSAGE_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds before a question is asked again; each pause is twice the one before."""
RETRIED = (grpc.StatusCode.UNAVAILABLE,)
"""Only where nothing was answered, and only for questions that change nothing on the server."""


@dataclass(frozen=True)
class ClientTLS:
    """PEM files. `authority`: whose certificates the server may show; those that the system trusts where None.
    `certificate` and `key`: what the client shows, where the server asks for it."""

    authority: str | None = None
    certificate: str | None = None
    key: str | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """What gRPC needs of these files.

        Raises:
            ClientError: for a file that cannot be read, or a certificate without its key.
        """
        if (self.certificate is None) != (self.key is None):
            raise ClientError("a client's certificate and its key should be given together")
        try:
            contents = [None if path is None else Path(path).read_bytes()
                        for path in (self.authority, self.key, self.certificate)]  # fmt: skip
        except OSError as error:
            raise ClientError(f"{error.filename} cannot be read: {error.strerror}") from None
        return grpc.ssl_channel_credentials(*contents)


def pauses(retries: int) -> list[float]:
    """Seconds to wait before each further attempt."""
    return [min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE) for attempt in range(retries)]


def told(error: grpc.RpcError, address: str) -> ClientError:
    """A refusal as one sentence."""
    details = error.details() or "no details"
    if error.code() == grpc.StatusCode.UNAVAILABLE:
        return ClientError(f"the server at {address} is not available: {details}", error.code())
    if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
        return ClientError(f"the server at {address} did not answer in time", error.code())
    return ClientError(details, error.code())
