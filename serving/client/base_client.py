"""Arguments and protocol core that the blocking client and the asyncio client share."""

from __future__ import annotations

from interestflow.serving.client import protocol_pb2
from interestflow.serving.client.channel import ClientTLS
from interestflow.serving.client.core import ClientCore, ModelTarget
from interestflow.serving.client.rpc import Deadline, RetryingCaller

TIMEOUT = 5.0
"""Seconds that an operation may take by default."""
RETRIES = 5
"""Retries of a request by default."""


class BaseClient:
    """Base of the clients of one model.

    Args:
        address: `host:port` of gRPC.
        model: name of the model.
        version: number of the version to ask.
        label: label of the version to ask. The newest version is asked where both are None.
        timeout: seconds that an operation may take, all its requests and retries together.
        retries: further attempts of a request, where the server cannot be reached or has no capacity left. The backoff
            between them grows from some 50 ms to 1 s.
        tls: PEM files for an encrypted channel; None for plain text.
        padding: False sends histories and candidates as they are, which is right only for servers that do not batch.
        require_features: True refuses requests that lack a feature which every training example had, instead of naming
            it in the result's `missing`.

    Raises:
        ClientError: for a version together with a label, and for files of `tls` that cannot be read.
    """

    def __init__(
        self,
        address: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        tls: ClientTLS | None = None,
        padding: bool = True,
        require_features: bool = False,
    ) -> None:
        """Open the channel; the server is contacted only by the first operation."""
        self.address = address
        self.model = model
        self._timeout = timeout
        target = ModelTarget(model, version, label)
        self._core = ClientCore(target, RetryingCaller(address, retries), padding, require_features)
        self._open(address, tls)

    def spec(self, signature: str) -> protocol_pb2.ModelSpec:
        """Return the ModelSpec of a request: the model, the version that was chosen and a signature."""
        return self._core.target.spec(signature)

    def _open(self, address: str, tls: ClientTLS | None) -> None:
        """Open the channel to the server."""
        raise NotImplementedError

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._timeout if timeout is None else timeout)
