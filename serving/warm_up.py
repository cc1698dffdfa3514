"""Requests that a new version answers before it is given any: TF Serving's own file of them beside the model."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

WARM_UP = "assets.extra/tf_serving_warmup_requests"
MOST = 1000
"""Requests; TF Serving refuses a file with more."""


def write_warm_up(folder: str | Path, requests: Iterable[predict_pb2.PredictRequest]) -> int:
    """Writes `requests` beside the model in `folder`, at most `MOST`; returns how many.

    TF Serving answers each once before it lets a version serve, so that no user waits for the first execution of a
    shape.
    """
    path = f"{folder}/{WARM_UP}"
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    count = 0
    with tf.io.TFRecordWriter(path) as writer:
        for request in itertools.islice(requests, MOST):
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())
            count += 1
    return count


def read_warm_up(folder: str | Path) -> Iterator[prediction_log_pb2.PredictionLog]:
    """The requests beside the model in `folder`; none where there is no file.

    Raises:
        tf.errors.OpError: for a file that is no TFRecord file.
        google.protobuf.message.DecodeError: for one that holds something else.
    """
    path = f"{folder}/{WARM_UP}"
    if not tf.io.gfile.exists(path):
        return
    for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
        yield prediction_log_pb2.PredictionLog.FromString(record)
