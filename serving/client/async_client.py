"""The client for programs that await each result."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

import grpc
import numpy as np

from interestflow.serving.client.base_client import BaseClient
from interestflow.serving.client.channel import ClientTLS, method_callables, open_async_channel
from interestflow.serving.client.metadata import Metadata
from interestflow.serving.client.operations import (
    EncodeOperation,
    Operation,
    RankOperation,
    RetrieveOperation,
    ScoreOperation,
)
from interestflow.serving.client.results import Outputs, Ranking, RetrievedItems, Scores, Vectors
from interestflow.serving.client.rows import Row
from interestflow.serving.client.rpc import Backoff, RpcSteps

Result = TypeVar("Result")


class AsyncClient(BaseClient):
    """Client of one model on a server, with the arguments and methods of `Client`, for asyncio.

    Example:
        async with AsyncClient("localhost:8500", "demo") as client:
            await client.rank({"history_item": ["7", "40"], "history_age": [86400, 60]}, ["12", "3"])
    """

    async def __aenter__(self) -> AsyncClient:
        """Return the client itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    async def rank(self, user: Row, candidates: Sequence[Row | str], timeout: float | None = None) -> Ranking:
        """Score one user's candidates; see `Client.rank`."""
        return await self._perform(RankOperation.build(user, candidates), timeout)

    async def score(self, rows: Sequence[Row], timeout: float | None = None) -> Scores:
        """Score rows, each with its own user and item; see `Client.score`."""
        return await self._perform(ScoreOperation.build(rows), timeout)

    async def retrieve(self, user: Row, count: int, timeout: float | None = None) -> RetrievedItems:
        """Return the best `count` of all items for a user; see `Client.retrieve`."""
        return await self._perform(RetrieveOperation.build(user, count), timeout)

    async def encode_user(self, rows: Sequence[Row], timeout: float | None = None) -> Vectors:
        """Encode users as vectors of their interests; see `Client.encode_user`."""
        return await self._perform(EncodeOperation.build_for_users(rows), timeout)

    async def encode_items(self, rows: Sequence[Row | str], timeout: float | None = None) -> Vectors:
        """Encode items as vectors; see `Client.encode_items`."""
        return await self._perform(EncodeOperation.build_for_items(rows), timeout)

    async def metadata(self, timeout: float | None = None) -> Metadata:
        """Return the model's signatures and its description; see `Client.metadata`."""
        return await self._run(self._core.metadata(self._deadline(timeout)))

    async def status(self, timeout: float | None = None) -> dict[int, str]:
        """Return the state of each version; see `Client.status`."""
        return await self._run(self._core.status(self._deadline(timeout)))

    async def is_healthy(self, timeout: float | None = None) -> bool:
        """Return the answer of the server's health service; see `Client.is_healthy`."""
        return await self._run(self._core.is_healthy(self._deadline(timeout)))

    async def run(self, signature: str, inputs: Mapping[str, np.ndarray], timeout: float | None = None) -> Outputs:
        """Run any signature on arrays as they are; see `Client.run`."""
        return await self._run(self._core.run(signature, inputs, self._deadline(timeout)))

    async def predict(self, request: Any, timeout: float | None = None) -> Any:
        """Send a PredictRequest as it is; see `Client.predict`."""
        return await self._run(self._core.predict(request, self._deadline(timeout)))

    def _open(self, address: str, tls: ClientTLS | None) -> None:
        self._channel = open_async_channel(address, tls)
        self._callables = method_callables(self._channel)

    async def _perform(self, operation: Operation[Result], timeout: float | None) -> Result:
        return await self._run(self._core.perform(operation, self._deadline(timeout)))

    async def _run(self, steps: RpcSteps[Result]) -> Result:
        try:
            step = next(steps)
            while True:
                if isinstance(step, Backoff):
                    await asyncio.sleep(step.seconds)
                    step = next(steps)
                    continue
                try:
                    response = await self._callables[step.method](step.request, timeout=step.timeout)
                except grpc.RpcError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(response)
        except StopIteration as end:
            result: Result = end.value
            return result
