"""The same as `serving.client`, for programs that await their answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.client.channel import MESSAGE_OPTIONS, RETRIED, ClientTLS, pauses, told
from serving.client.client import TIMEOUT
from serving.client.messages import (
    ClientError,
    Metadata,
    Ranking,
    Retrieved,
    Row,
    Scores,
    as_candidates,
    model_spec,
    rank_request,
    ranking_of,
    retrieve_request,
    retrieved_of,
    score_request,
    scores_of,
)


class AsyncClient:
    """One model on one server, as `serving.client.Client`, whose arguments and methods these are.

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
        retries: int = 3,
        tls: ClientTLS | None = None,
    ) -> None:
        self.address = address
        self.model = model
        self._version, self._label = version, label
        self._timeout, self._retries = timeout, retries
        if tls is None:
            self._channel = grpc.aio.insecure_channel(address, MESSAGE_OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(address, tls.credentials(), MESSAGE_OPTIONS)
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._channel)
        self._known: Metadata | None = None

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

    async def close(self) -> None:
        await self._channel.close()

    async def rank(self, user: Row, candidates: Sequence[Row | str], timeout: float | None = None) -> Ranking:
        """See `Client.rank`."""
        rows = as_candidates(candidates)
        response = await self._predict("rank", lambda spec, known: rank_request(spec, known, user, rows), timeout)
        return ranking_of(response, rows)

    async def score(self, rows: Sequence[Row], timeout: float | None = None) -> Scores:
        """See `Client.score`."""
        return scores_of(await self._predict("predict", lambda spec, known: score_request(spec, known, rows), timeout))

    async def retrieve(self, user: Row, count: int, timeout: float | None = None) -> Retrieved:
        """See `Client.retrieve`."""
        ask = lambda spec, known: retrieve_request(spec, known, user, count)  # noqa: E731
        return retrieved_of(await self._predict("retrieve", ask, timeout))

    async def metadata(self, timeout: float | None = None) -> Metadata:
        """See `Client.metadata`."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=self.spec(""), metadata_field=["signature_def"]
        )
        self._known = Metadata.of(await self._ask(self._prediction.GetModelMetadata, request, timeout))
        return self._known

    async def status(self, timeout: float | None = None) -> dict[int, str]:
        """See `Client.status`."""
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=self.spec(""))
        found = (await self._ask(self._models.GetModelStatus, request, timeout)).model_version_status
        state = get_model_status_pb2.ModelVersionStatus.State
        return {each.version: state.Name(each.state) for each in found}

    async def is_healthy(self, timeout: float | None = None) -> bool:
        """See `Client.is_healthy`."""
        response = await self._ask(self._health.Check, health_pb2.HealthCheckRequest(), timeout)
        return bool(response.status == health_pb2.HealthCheckResponse.SERVING)

    async def predict(
        self, request: predict_pb2.PredictRequest, timeout: float | None = None
    ) -> predict_pb2.PredictResponse:
        """See `Client.predict`."""
        response: predict_pb2.PredictResponse = await self._ask(self._prediction.Predict, request, timeout)
        return response

    def spec(self, signature: str) -> model_pb2.ModelSpec:
        """Names the model, the version that was asked for, and a signature."""
        return model_spec(self.model, signature, self._version, self._label)

    async def _predict(
        self, signature: str, ask: Callable[[Any, Metadata], predict_pb2.PredictRequest], timeout: float | None
    ) -> predict_pb2.PredictResponse:
        known = self._known or await self.metadata(timeout)
        try:
            response = await self.predict(ask(self.spec(signature), known), timeout)
        except ClientError as error:
            if error.code not in (None, grpc.StatusCode.INVALID_ARGUMENT):
                raise
            # Another version may take other features than the one that was known.
            newer = await self.metadata(timeout)
            if newer == known:
                raise
            known = newer
            response = await self.predict(ask(self.spec(signature), known), timeout)
        if response.model_spec.version.value != known.version:
            self._known = None
        return response

    async def _ask(self, call: Any, request: Any, timeout: float | None) -> Any:
        end = time.monotonic() + (self._timeout if timeout is None else timeout)
        waits = pauses(self._retries)
        while True:
            try:
                return await call(request, timeout=max(end - time.monotonic(), 0.0))
            except grpc.RpcError as error:
                if error.code() not in RETRIED or not waits or time.monotonic() + waits[0] >= end:
                    raise told(error, self.address) from None
            await asyncio.sleep(waits.pop(0))
