"""Asks a model server: TF Serving, or the one of this project, which cannot be told apart."""

from __future__ import annotations

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

TIMEOUT = 5.0


class Client:
    """One model on one server.

        with Client("localhost:8500", "demo") as client:
            client.rank({"history_item": ["7", "40"], "history_age": [86400, 60]}, ["12", "3"]).best(1)

    Values that are left out, or None, count as missing. A question is asked again, up to `retries` times and within
    its time, where the server could not be reached.

    Args:
        address: `host:port` of gRPC.
        model: its name.
        version, label: of the model; the newest version where both are None.
        timeout: seconds that a question may take, all its attempts together.
        retries: further attempts.
        tls: None for plain text.
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
            self._channel = grpc.insecure_channel(address, MESSAGE_OPTIONS)
        else:
            self._channel = grpc.secure_channel(address, tls.credentials(), MESSAGE_OPTIONS)
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._channel)
        self._known: Metadata | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        self._channel.close()

    def rank(self, user: Row, candidates: Sequence[Row | str], timeout: float | None = None) -> Ranking:
        """Probabilities of one user's candidates.

        Args:
            user: raw features of the user, the request and the history, such as `history_item`.
            candidates: ids, or raw features of each, `item` among them.
            timeout: instead of the client's own.

        Raises:
            ClientError: for features that the model does not take as they are, or what the server refuses.
        """
        rows = as_candidates(candidates)
        response = self._predict("rank", lambda spec, known: rank_request(spec, known, user, rows), timeout)
        return ranking_of(response, rows)

    def score(self, rows: Sequence[Row], timeout: float | None = None) -> Scores:
        """Probabilities of rows, each with its own user and item.

        Raises:
            ClientError: as `rank`.
        """
        return scores_of(self._predict("predict", lambda spec, known: score_request(spec, known, rows), timeout))

    def retrieve(self, user: Row, count: int, timeout: float | None = None) -> Retrieved:
        """The best `count` of all items for a user; of matchers alone.

        Raises:
            ClientError: as `rank`.
        """
        ask = lambda spec, known: retrieve_request(spec, known, user, count)  # noqa: E731
        return retrieved_of(self._predict("retrieve", ask, timeout))

    def metadata(self, timeout: float | None = None) -> Metadata:
        """What the model's signatures take and give.

        Raises:
            ClientError: for what the server refuses.
        """
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=self.spec(""), metadata_field=["signature_def"]
        )
        self._known = Metadata.of(self._ask(self._prediction.GetModelMetadata, request, timeout))
        return self._known

    def status(self, timeout: float | None = None) -> dict[int, str]:
        """The state of each version, such as AVAILABLE.

        Raises:
            ClientError: for what the server refuses.
        """
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=self.spec(""))
        found = self._ask(self._models.GetModelStatus, request, timeout).model_version_status
        state = get_model_status_pb2.ModelVersionStatus.State
        return {each.version: state.Name(each.state) for each in found}

    def is_healthy(self, timeout: float | None = None) -> bool:
        """Whether the server says of itself that it serves; TF Serving itself does not answer this.

        Raises:
            ClientError: where it does not say.
        """
        response = self._ask(self._health.Check, health_pb2.HealthCheckRequest(), timeout)
        return bool(response.status == health_pb2.HealthCheckResponse.SERVING)

    def predict(self, request: predict_pb2.PredictRequest, timeout: float | None = None) -> predict_pb2.PredictResponse:
        """Asks as it stands; for what the other methods do not do.

        Raises:
            ClientError: for what the server refuses.
        """
        response: predict_pb2.PredictResponse = self._ask(self._prediction.Predict, request, timeout)
        return response

    def spec(self, signature: str) -> model_pb2.ModelSpec:
        """Names the model, the version that was asked for, and a signature."""
        return model_spec(self.model, signature, self._version, self._label)

    def _predict(
        self, signature: str, ask: Callable[[Any, Metadata], predict_pb2.PredictRequest], timeout: float | None
    ) -> predict_pb2.PredictResponse:
        known = self._known or self.metadata(timeout)
        try:
            response = self.predict(ask(self.spec(signature), known), timeout)
        except ClientError as error:
            if error.code not in (None, grpc.StatusCode.INVALID_ARGUMENT):
                raise
            # Another version may take other features than the one that was known.
            newer = self.metadata(timeout)
            if newer == known:
                raise
            known = newer
            response = self.predict(ask(self.spec(signature), known), timeout)
        if response.model_spec.version.value != known.version:
            self._known = None
        return response

    def _ask(self, call: Any, request: Any, timeout: float | None) -> Any:
        end = time.monotonic() + (self._timeout if timeout is None else timeout)
        waits = pauses(self._retries)
        while True:
            try:
                return call(request, timeout=max(end - time.monotonic(), 0.0))
            except grpc.RpcError as error:
                if error.code() not in RETRIED or not waits or time.monotonic() + waits[0] >= end:
                    raise told(error, self.address) from None
            time.sleep(waits.pop(0))
