"""The client for programs that wait for each result."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

import grpc
import numpy as np

from interestflow.serving.client.base_client import BaseClient
from interestflow.serving.client.channel import ClientTLS, method_callables, open_channel
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


class Client(BaseClient):
    """Client of one model on TensorFlow Serving, or on the local server. Safe to use from several threads.

    Example:
        with Client("localhost:8500", "demo") as client:
            client.rank({"history_item": ["7", "40"], "history_age": [86400, 60]}, ["12", "3"]).best(1)

    Features that are left out, None, empty or NaN count as missing. Before its first request, the client asks the model
    for its signatures; a version that is released later is noticed by its responses. Where the model describes itself,
    as those that this project exports do, requests are cut, padded and split to the few shapes that the model names, so
    that a server can batch those of several clients. All requests of an operation are answered by one version.

    `BaseClient` documents the arguments.
    """

    def __enter__(self) -> Client:
        """Return the client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def rank(self, user: Row, candidates: Sequence[Row | str], timeout: float | None = None) -> Ranking:
        """Score one user's candidates.

        Args:
            user: raw features of the user, the request and the history, such as `history_item`.
            candidates: ids, or raw features of each, `item` among them. For no candidates the server is not asked.
            timeout: seconds, instead of the client's own.

        Raises:
            ClientError: for features that the model does not accept, and for what the server refuses.
        """
        return self._perform(RankOperation.build(user, candidates), timeout)

    def score(self, rows: Sequence[Row], timeout: float | None = None) -> Scores:
        """Score rows, each with its own user and item. For no rows no request is sent.

        Raises:
            ClientError: as `rank`.
        """
        return self._perform(ScoreOperation.build(rows), timeout)

    def retrieve(self, user: Row, count: int, timeout: float | None = None) -> RetrievedItems:
        """Return the best `count` of all items for a user, except those in the history; for matchers.

        Raises:
            ClientError: as `rank`, and for a count below 0.
        """
        return self._perform(RetrieveOperation.build(user, count), timeout)

    def encode_user(self, rows: Sequence[Row], timeout: float | None = None) -> Vectors:
        """Encode users as vectors of their interests, `[N, K, d]`; for matchers.

        Args:
            rows: raw features of each user, as `user` of `rank`.
            timeout: seconds, instead of the client's own.

        Raises:
            ClientError: as `rank`.
        """
        return self._perform(EncodeOperation.build_for_users(rows), timeout)

    def encode_items(self, rows: Sequence[Row | str], timeout: float | None = None) -> Vectors:
        """Encode items as vectors, `[N, d]`; for matchers.

        Args:
            rows: ids or raw features of each item, as `candidates` of `rank`.
            timeout: seconds, instead of the client's own.

        Raises:
            ClientError: as `rank`.
        """
        return self._perform(EncodeOperation.build_for_items(rows), timeout)

    def metadata(self, timeout: float | None = None) -> Metadata:
        """Return the model's signatures and its description.

        Raises:
            ClientError: for what the server refuses.
        """
        return self._run(self._core.metadata(self._deadline(timeout)))

    def status(self, timeout: float | None = None) -> dict[int, str]:
        """Return the state of each version, such as "AVAILABLE".

        Raises:
            ClientError: for what the server refuses.
        """
        return self._run(self._core.status(self._deadline(timeout)))

    def is_healthy(self, timeout: float | None = None) -> bool:
        """Return the answer of the server's health service, which TensorFlow Serving has only behind a flag.

        Raises:
            ClientError: where the server does not answer.
        """
        return self._run(self._core.is_healthy(self._deadline(timeout)))

    def run(self, signature: str, inputs: Mapping[str, np.ndarray], timeout: float | None = None) -> Outputs:
        """Run any signature on arrays as they are, such as `serving_default` on serialized `tf.Example`s.

        Args:
            signature: name of the signature.
            inputs: array for each of its inputs, of the input's dtype; text as bytes or `str`.
            timeout: seconds, instead of the client's own.

        Raises:
            ClientError: for arrays without rows, and for what the server refuses.
        """
        return self._run(self._core.run(signature, inputs, self._deadline(timeout)))

    def predict(self, request: Any, timeout: float | None = None) -> Any:
        """Send a PredictRequest as it is.

        Args:
            request: `protocol_pb2.PredictRequest` of this package, or that of `tensorflow_serving.apis.predict_pb2`.
            timeout: seconds, instead of the client's own.

        Returns:
            PredictResponse of the same module.

        Raises:
            ClientError: for a request without rows, and for what the server refuses.
        """
        return self._run(self._core.predict(request, self._deadline(timeout)))

    def _open(self, address: str, tls: ClientTLS | None) -> None:
        self._channel = open_channel(address, tls)
        self._callables = method_callables(self._channel)

    def _perform(self, operation: Operation[Result], timeout: float | None) -> Result:
        return self._run(self._core.perform(operation, self._deadline(timeout)))

    def _run(self, steps: RpcSteps[Result]) -> Result:
        try:
            step = next(steps)
            while True:
                if isinstance(step, Backoff):
                    time.sleep(step.seconds)
                    step = next(steps)
                    continue
                try:
                    response = self._callables[step.method](step.request, timeout=step.timeout)
                except grpc.RpcError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(response)
        except StopIteration as end:
            result: Result = end.value
            return result
