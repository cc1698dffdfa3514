"""Channels of the client: names of the gRPC methods, channel options and TLS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from interestflow.serving.client.client_error import ClientError

INITIAL_BACKOFF, MAX_BACKOFF = 0.05, 1.0
"""Seconds before a request is retried; they double from one attempt to the next."""
CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Reconnect when a request is retried; by default gRPC waits a second first, then up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", int(INITIAL_BACKOFF * 1000)),
    ("grpc.max_reconnect_backoff_ms", int(MAX_BACKOFF * 1000)),
]
PREDICT = "/tensorflow.serving.PredictionService/Predict"
GET_METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
GET_STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
CHECK_HEALTH = "/grpc.health.v1.Health/Check"
METHODS = (PREDICT, GET_METADATA, GET_STATUS, CHECK_HEALTH)


@dataclass(frozen=True)
class ClientTLS:
    """PEM files for an encrypted channel.

    Attributes:
        authority: file with the certificates of the authorities that may sign the server's; the system's where None.
        certificate: file with the client's certificate, for servers that ask for one.
        key: file with the private key of `certificate`.
    """

    authority: str | None = None
    certificate: str | None = None
    key: str | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """Return the credentials that the files hold.

        Raises:
            ClientError: for a file that cannot be read, or a certificate without its key.
        """
        if (self.certificate is None) != (self.key is None):
            raise ClientError("a client's certificate and its key should be given together")
        return grpc.ssl_channel_credentials(
            root_certificates=_read(self.authority),
            private_key=_read(self.key),
            certificate_chain=_read(self.certificate),
        )


def open_channel(address: str, tls: ClientTLS | None) -> grpc.Channel:
    """Open a channel for blocking calls.

    Raises:
        ClientError: as `ClientTLS.credentials`.
    """
    if tls is None:
        return grpc.insecure_channel(address, CHANNEL_OPTIONS)
    return grpc.secure_channel(address, tls.credentials(), CHANNEL_OPTIONS)


def open_async_channel(address: str, tls: ClientTLS | None) -> grpc.aio.Channel:
    """Open a channel for calls of asyncio.

    Raises:
        ClientError: as `ClientTLS.credentials`.
    """
    if tls is None:
        return grpc.aio.insecure_channel(address, CHANNEL_OPTIONS)
    return grpc.aio.secure_channel(address, tls.credentials(), CHANNEL_OPTIONS)


def method_callables(channel: grpc.Channel | grpc.aio.Channel) -> dict[str, Callable[..., Any]]:
    """Return a callable for each method of the server, from the bytes of a request to those of its response."""
    return {method: channel.unary_unary(method) for method in METHODS}


def _read(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ClientError(f"{path} cannot be read: {error.strerror}") from None
