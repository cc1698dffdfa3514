"""Replay of a version's warm-up requests before it serves, as TensorFlow Serving does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from interestflow.serving.server import inference
from interestflow.serving.server.batching import Runner
from interestflow.serving.server.errors import ServingError, invalid
from interestflow.serving.server.servable import Servable
from interestflow.serving.warm_up import MAX_REQUESTS, read_warm_up

log = logging.getLogger("interestflow.serving")
# Function that answers each kind of record. A record without a kind is skipped, as in TensorFlow Serving.
ANSWER: dict[str, Callable[..., Any]] = {
    "predict_log": inference.predict,
    "classify_log": inference.classify,
    "regress_log": inference.regress,
    "multi_inference_log": inference.multi_inference,
}


class SingleServable:
    """Stands in for a manager, and gives one version to every request, ignoring the model and version it names."""

    def __init__(self, servable: Servable) -> None:
        """Store the version."""
        self._servable = servable

    @contextmanager
    def use(self, name: str, version: int | None = None, label: str | None = None) -> Iterator[Servable]:
        """Yield the version."""
        yield self._servable


def replay_warm_up(servable: Servable, runner: Runner) -> None:
    """Answer the requests of the warm-up file that is stored with a model.

    A missing file, an empty one and one that is not a TFRecord file are tolerated, and so are requests for other
    models.

    Args:
        servable: version that does not serve yet.
        runner: runner of the requests, with batching where the server has it.

    Raises:
        ServingError: where a request cannot be answered, or there are too many: the version must not serve.
    """
    try:
        for index, record in enumerate(read_warm_up(servable.folder)):
            if index == MAX_REQUESTS:
                raise invalid(f"the warm-up file should have at most {MAX_REQUESTS:,} requests, received more")
            _answer(servable, runner, record, index)
    except tf.errors.DataLossError as error:
        log.warning("the warm-up file of %s is not read to its end: %s", servable.folder, error.message)
    except DecodeError:
        raise invalid("the warm-up file should hold PredictionLogs, received another kind of record") from None


def _answer(servable: Servable, runner: Runner, record: prediction_log_pb2.PredictionLog, index: int) -> None:
    kind = record.WhichOneof("log_type")
    if kind is None:
        return
    if kind not in ANSWER:
        raise ServingError(grpc.StatusCode.UNIMPLEMENTED, f"warm-up request {index} should not be a {kind}")
    request = getattr(record, kind).request
    specs = [task.model_spec for task in request.tasks] if kind == "multi_inference_log" else [request.model_spec]
    for spec in specs:
        spec.name = servable.name
    try:
        ANSWER[kind](SingleServable(servable), runner, request)
    except ServingError as error:
        raise ServingError(error.code, f"warm-up request {index} cannot be answered: {error.message}") from error
