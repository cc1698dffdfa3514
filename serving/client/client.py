"""The client for programs that wait for their answers."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import grpc
import numpy as np

from interestflow.serving.client import protocol_pb2
from interestflow.serving.client.answers import Outputs, Ranking, Retrieved, Scores, Vectors
from interestflow.serving.client.calls import Caller, Deadline, Pause, Steps
from interestflow.serving.client.channel import ClientTLS, callables, open_channel
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

TIMEOUT = 5.0
RETRIES = 5
Answer = TypeVar("Answer")


class Client:
    """Client of one model on a TensorFlow Serving, or on the local server. Safe to use from several threads.

    Example:
        with Client("localhost:8500", "demo") as client:
            client.rank({"history_item": ["7", "40"], "history_age": [86400, 60]}, ["12", "3"]).best(1)

    Features that are left out, None, empty or NaN count as missing. Before its first question, the client asks the
    model what it takes; a version that is released later is noticed by its answers. Where the model describes itself,
    as those that this project exports do, requests are cut, padded and split to the few shapes that the model names, so
    that a server can batch those of several clients. All requests of a question are answered by one version.

    Args:
        address: `host:port` of gRPC.
        model: name of the model.
        version: number of the version to ask.
        label: label of the version to ask. The newest version is asked where both are None.
        timeout: seconds that a question may take, all its requests and attempts together.
        retries: further attempts of a request, where the server cannot be reached or has no capacity left. The pauses
            between them grow from some 50 ms to 1 s.
        tls: files for an encrypted channel; None for plain text.
        padding: False sends histories and candidates as they are, which is right only for servers that do not batch.
        require_features: True refuses questions that lack a feature which every training example had, instead of naming
            it in the answer's `missing`.

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
        self.address = address
        self.model = model
        self._timeout = timeout
        choice = ModelChoice.of(model, version, label)
        self._conversation = Conversation(choice, Caller(address, retries), padding, require_features)
        self._channel = open_channel(address, tls)
        self._calls = callables(self._channel)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def rank(self, user: Row, candidates: Sequence[Row | str], timeout: float | None = None) -> Ranking:
        """Score one user's candidates.

        Args:
            user: raw features of the user, the request and the history, such as `history_item`.
            candidates: ids, or raw features of each, `item` among them. No candidates are answered without asking.
            timeout: seconds, instead of the client's own.

        Raises:
            ClientError: for features that the model does not take as they are, and for what the server refuses.
        """
        return self._ask(RankQuestion.of(user, candidates), timeout)

    def score(self, rows: Sequence[Row], timeout: float | None = None) -> Scores:
        """Score rows, each with its own user and item. No rows are answered without asking.

        Raises:
            ClientError: as `rank`.
        """
        return self._ask(ScoreQuestion.of(rows), timeout)

    def retrieve(self, user: Row, count: int, timeout: float | None = None) -> Retrieved:
        """Find the best `count` of all items for a user, those of the history left out; for matchers.

        Raises:
            ClientError: as `rank`, and for a count below 0.
        """
        return self._ask(RetrieveQuestion.of(user, count), timeout)

    def encode_user(self, rows: Sequence[Row], timeout: float | None = None) -> Vectors:
        """Encode users as vectors of their interests, `[N, K, d]`; for matchers.

        Args:
            rows: raw features of each user, as `user` of `rank`.
            timeout: seconds, instead of the client's own.

        Raises:
            ClientError: as `rank`.
        """
        return self._ask(EncodeQuestion.of_users(rows), timeout)

    def encode_items(self, rows: Sequence[Row | str], timeout: float | None = None) -> Vectors:
        """Encode items as vectors, `[N, d]`; for matchers.

        Args:
            rows: ids or raw features of each item, as `candidates` of `rank`.
            timeout: seconds, instead of the client's own.

        Raises:
            ClientError: as `rank`.
        """
        return self._ask(EncodeQuestion.of_items(rows), timeout)

    def metadata(self, timeout: float | None = None) -> Metadata:
        """Ask for the model's signatures and its description.

        Raises:
            ClientError: for what the server refuses.
        """
        return self._run(self._conversation.metadata(self._deadline(timeout)))

    def status(self, timeout: float | None = None) -> dict[int, str]:
        """Ask for the state of each version, such as "AVAILABLE".

        Raises:
            ClientError: for what the server refuses.
        """
        return self._run(self._conversation.status(self._deadline(timeout)))

    def is_healthy(self, timeout: float | None = None) -> bool:
        """Ask the server's health service, which TensorFlow Serving has only behind a flag.

        Raises:
            ClientError: where the server does not answer.
        """
        return self._run(self._conversation.is_healthy(self._deadline(timeout)))

    def run(self, signature: str, inputs: Mapping[str, np.ndarray], timeout: float | None = None) -> Outputs:
        """Ask any signature with arrays as they are, such as `serving_default` with serialized `tf.Example`.

        Args:
            signature: name of the signature.
            inputs: array for each of its inputs, of the input's dtype; text as bytes or `str`.
            timeout: seconds, instead of the client's own.

        Raises:
            ClientError: for arrays without rows, and for what the server refuses.
        """
        return self._run(self._conversation.run(signature, inputs, self._deadline(timeout)))

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
        return self._run(self._conversation.predict(request, self._deadline(timeout)))

    def spec(self, signature: str) -> protocol_pb2.ModelSpec:
        """Return what names the model, the version that was chosen and a signature in a request."""
        return self._conversation.model.spec(signature)

    def _ask(self, question: Question[Answer], timeout: float | None) -> Answer:
        return self._run(self._conversation.ask(question, self._deadline(timeout)))

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._timeout if timeout is None else timeout)

    def _run(self, steps: Steps[Answer]) -> Answer:
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    step = next(steps)
                    continue
                try:
                    response = self._calls[step.method](step.request, timeout=step.timeout)
                except grpc.RpcError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(response)
        except StopIteration as end:
            result: Answer = end.value
            return result
