"""The client for programs that await their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import grpc
import numpy as np

from interestflow.serving.client import protocol_pb2
from interestflow.serving.client.answers import Outputs, Ranking, Retrieved, Scores, Vectors
from interestflow.serving.client.calls import Caller, Deadline, Pause, Steps
from interestflow.serving.client.channel import ClientTLS, callables, open_async_channel
from interestflow.serving.client.client import RETRIES, TIMEOUT
from interestflow.serving.client.conversation import Conversation, ModelChoice
from interestflow.serving.client.metadata import Metadata
from interestflow.serving.client.questions import (
    EncodeQuestion,
    Question,
    RankQuestion,
    RetrieveQuestion,
    ScoreQuestion,
)
from interestflow.serving.client.rows import Row

Answer = TypeVar("Answer")


class AsyncClient:
    """Client of one model on a server, with the arguments and methods of `Client`, to be awaited.

    Example:
        async with AsyncClient("localhost:8500", "demo") as client:
            await client.rank({"history_item": ["7", "40"], "history_age": [86400, 60]}, ["12", "3"])
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
        self.address = address
        self.model = model
        self._timeout = timeout
        choice = ModelChoice.of(model, version, label)
        self._conversation = Conversation(choice, Caller(address, retries), padding, require_features)
        self._channel = open_async_channel(address, tls)
        self._calls = callables(self._channel)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    async def rank(self, user: Row, candidates: Sequence[Row | str], timeout: float | None = None) -> Ranking:
        """See `Client.rank`."""
        return await self._ask(RankQuestion.of(user, candidates), timeout)

    async def score(self, rows: Sequence[Row], timeout: float | None = None) -> Scores:
        """See `Client.score`."""
        return await self._ask(ScoreQuestion.of(rows), timeout)

    async def retrieve(self, user: Row, count: int, timeout: float | None = None) -> Retrieved:
        """See `Client.retrieve`."""
        return await self._ask(RetrieveQuestion.of(user, count), timeout)

    async def encode_user(self, rows: Sequence[Row], timeout: float | None = None) -> Vectors:
        """See `Client.encode_user`."""
        return await self._ask(EncodeQuestion.of_users(rows), timeout)

    async def encode_items(self, rows: Sequence[Row | str], timeout: float | None = None) -> Vectors:
        """See `Client.encode_items`."""
        return await self._ask(EncodeQuestion.of_items(rows), timeout)

    async def metadata(self, timeout: float | None = None) -> Metadata:
        """See `Client.metadata`."""
        return await self._run(self._conversation.metadata(self._deadline(timeout)))

    async def status(self, timeout: float | None = None) -> dict[int, str]:
        """See `Client.status`."""
        return await self._run(self._conversation.status(self._deadline(timeout)))

    async def is_healthy(self, timeout: float | None = None) -> bool:
        """See `Client.is_healthy`."""
        return await self._run(self._conversation.is_healthy(self._deadline(timeout)))

    async def run(self, signature: str, inputs: Mapping[str, np.ndarray], timeout: float | None = None) -> Outputs:
        """See `Client.run`."""
        return await self._run(self._conversation.run(signature, inputs, self._deadline(timeout)))

    async def predict(self, request: Any, timeout: float | None = None) -> Any:
        """See `Client.predict`."""
        return await self._run(self._conversation.predict(request, self._deadline(timeout)))

    def spec(self, signature: str) -> protocol_pb2.ModelSpec:
        """See `Client.spec`."""
        return self._conversation.model.spec(signature)

    async def _ask(self, question: Question[Answer], timeout: float | None) -> Answer:
        return await self._run(self._conversation.ask(question, self._deadline(timeout)))

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._timeout if timeout is None else timeout)

    async def _run(self, steps: Steps[Answer]) -> Answer:
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = next(steps)
                    continue
                try:
                    response = await self._calls[step.method](step.request, timeout=step.timeout)
                except grpc.RpcError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(response)
        except StopIteration as end:
            result: Answer = end.value
            return result
