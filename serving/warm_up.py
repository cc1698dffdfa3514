"""Warm-up requests stored with a model: as in TensorFlow Serving, a version answers them before it serves."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import tensorflow as tf
from tensorflow.python.lib.io._pywrap_record_io import RecordIterator
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from interestflow.serving.client.arrays import fill_inputs
from interestflow.serving.client.metadata import Metadata
from interestflow.serving.client.rows import (
    Row,
    pack_encode_items,
    pack_encode_user,
    pack_predict,
    pack_rank,
    pack_retrieve,
    rank_signature,
)
from interestflow.serving.description import DESCRIBE, RANK, Description
from interestflow.serving.examples import pack_examples, split_row
from interestflow.serving.raw_inputs import RawInput
from interestflow.transforms.feature_names import ITEM

WARM_UP = "assets.extra/tf_serving_warmup_requests"
MAX_REQUESTS = 1000
"""Requests in a file; TensorFlow Serving refuses a file with more."""
RETRIEVE_COUNTS = (10, 100)
"""Numbers of items that warm-up requests retrieve."""
PLACEHOLDER_ID = "0"
DEFAULT_DESCRIPTION = Description(candidate_sizes=(1, 100), max_rows=32)
"""Shapes that warm up models without a description."""
T = TypeVar("T")


def write_warm_up(folder: str | Path, requests: Iterable[predict_pb2.PredictRequest]) -> int:
    """Write `requests` beside the model in `folder`, at most `MAX_REQUESTS`; return how many.

    TensorFlow Serving answers each once before it lets a version serve, so that no user waits for the first execution
    of a shape, and a version that cannot answer never takes over.
    """
    path = f"{folder}/{WARM_UP}"
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    count = 0
    with tf.io.TFRecordWriter(path) as writer:
        for request in itertools.islice(requests, MAX_REQUESTS):
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString(deterministic=True))
            count += 1
    return count


def read_warm_up(folder: str | Path) -> Iterator[prediction_log_pb2.PredictionLog]:
    """Yield the requests beside the model in `folder`; none where there is no file.

    Raises:
        tf.errors.OpError: for a file that is not a TFRecord file.
        google.protobuf.message.DecodeError: for a file of other records.
    """
    path = f"{folder}/{WARM_UP}"
    if not tf.io.gfile.exists(path):
        return
    # Do not read with tf.data: it first goes through all functions of this process, which takes seconds where a model
    # was just exported.
    for record in RecordIterator(path, ""):
        yield prediction_log_pb2.PredictionLog.FromString(record)


def warm_up_requests(
    model: str, metadata: Metadata, raw_inputs: Sequence[RawInput], rows: Sequence[Row]
) -> Iterator[predict_pb2.PredictRequest]:
    """Yield requests to every signature of an exported model, in the shapes that clients send.

    Args:
        model: name of the model.
        metadata: metadata of the model.
        raw_inputs: raw features of the model.
        rows: rows of raw features, which are repeated as needed; at least one of them has an item.
    """
    description = metadata.description or DEFAULT_DESCRIPTION
    users = [split_row(row, raw_inputs)[0] for row in rows]
    items = [row for row in (split_row(row, raw_inputs)[1] for row in rows) if row.get(ITEM)]
    for count in (1, description.max_rows):
        if "serving_default" in metadata.signatures:
            yield _build_request(model, "serving_default", pack_examples(_repeat(rows, count), raw_inputs))
        if "predict" in metadata.signatures:
            yield _build_request(model, "predict", pack_predict(metadata, _repeat(rows, count)))
        if "encode_user" in metadata.signatures:
            yield _build_request(model, "encode_user", pack_encode_user(metadata, _repeat(users, count)))
        if "encode_items" in metadata.signatures:
            yield _build_request(model, "encode_items", pack_encode_items(metadata, _repeat(items, count)))
    if RANK in metadata.signatures:
        smallest = description.candidate_sizes[0]
        yield _build_request(model, RANK, pack_rank(metadata, users[0], _repeat(items, smallest)))
        for count in description.candidate_sizes:
            arrays = pack_rank(metadata, users[0], _repeat(items, count))
            yield _build_request(model, rank_signature(metadata, count), arrays)
    if "retrieve" in metadata.signatures:
        for count in RETRIEVE_COUNTS:
            yield _build_request(model, "retrieve", pack_retrieve(metadata, users[0], count))
    if DESCRIBE in metadata.signatures:
        yield _build_request(model, DESCRIBE, {"rows": np.zeros(1, np.int32)})


def synthetic_row(raw_inputs: Sequence[RawInput], description: Description) -> Row:
    """Return a row with a full history and a value for each feature; hardly any log has its ids."""
    values = {raw.name: PLACEHOLDER_ID if raw.dtype == "string" else 1 for raw in raw_inputs}
    return {
        raw.name: values[raw.name] if raw.kind == "value" else [values[raw.name]] * description.lengths.get(raw.name, 1)
        for raw in raw_inputs
    }


def _build_request(model: str, signature: str, arrays: Mapping[str, np.ndarray]) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    fill_inputs(request, arrays)
    return request


def _repeat(rows: Sequence[T], count: int) -> list[T]:
    """Return `count` rows, starting again from the first where there are fewer."""
    return [rows[position % len(rows)] for position in range(count)]
