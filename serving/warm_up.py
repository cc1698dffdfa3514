"""Warm-up requests beside a model: a new version answers them before it serves, as TensorFlow Serving prescribes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.lib.io._pywrap_record_io import RecordIterator
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from interestflow.serving.client.arrays import fill_inputs
from interestflow.serving.client.metadata import Metadata
from interestflow.serving.client.rows import (
    pack_encode_items,
    pack_encode_user,
    pack_predict,
    pack_rank,
    pack_retrieve,
    rank_signature,
)
from interestflow.serving.description import DESCRIBE, RANK, Description
from interestflow.serving.raw_inputs import RawInput
from interestflow.serving.raw_rows import Row, example_of, split_row
from interestflow.transforms.feature_names import ITEM

WARM_UP = "assets.extra/tf_serving_warmup_requests"
MOST = 1000
"""Requests; TensorFlow Serving refuses a file with more."""
RETRIEVED = (10, 100)
"""Numbers of items that warm-up requests ask `retrieve` for."""
SOME_ID = "0"
NO_DESCRIPTION = Description(candidate_sizes=(1, 100), max_rows=32)
"""What models without a description are warmed up by."""


def write_warm_up(folder: str | Path, requests: Iterable[predict_pb2.PredictRequest]) -> int:
    """Write `requests` beside the model in `folder`, at most `MOST`; return how many.

    TensorFlow Serving answers each once before it lets a version serve, so that no user waits for the first execution
    of a shape, and a version that cannot answer never takes over.
    """
    path = f"{folder}/{WARM_UP}"
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    count = 0
    with tf.io.TFRecordWriter(path) as writer:
        for request in itertools.islice(requests, MOST):
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString(deterministic=True))
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
    # Not by tf.data, which goes through all functions of this process first: seconds, where a model was just exported.
    for record in RecordIterator(path, ""):
        yield prediction_log_pb2.PredictionLog.FromString(record)


def warm_up_requests(
    model: str, metadata: Metadata, raw_inputs: Sequence[RawInput], rows: Sequence[Row]
) -> Iterator[predict_pb2.PredictRequest]:
    """Requests to every signature of an exported model, in the shapes that clients ask with.

    Args:
        model: its name.
        metadata: of the model.
        raw_inputs: of the model.
        rows: raw features to ask with, taken again and again; at least one of them has an item.
    """
    description = metadata.description or NO_DESCRIPTION
    users = [split_row(row, raw_inputs)[0] for row in rows]
    items = [row for row in (split_row(row, raw_inputs)[1] for row in rows) if row.get(ITEM)]
    for count in (1, description.max_rows):
        if "serving_default" in metadata.signatures:
            yield _request(model, "serving_default", _examples(_cycled(rows, count), raw_inputs))
        if "predict" in metadata.signatures:
            yield _request(model, "predict", pack_predict(metadata, _cycled(rows, count)))
        if "encode_user" in metadata.signatures:
            yield _request(model, "encode_user", pack_encode_user(metadata, _cycled(users, count)))
        if "encode_items" in metadata.signatures:
            yield _request(model, "encode_items", pack_encode_items(metadata, _cycled(items, count)))
    if RANK in metadata.signatures:
        smallest = description.candidate_sizes[0]
        yield _request(model, RANK, pack_rank(metadata, users[0], _cycled(items, smallest)))
        for count in description.candidate_sizes:
            arrays = pack_rank(metadata, users[0], _cycled(items, count))
            yield _request(model, rank_signature(metadata, count), arrays)
    if "retrieve" in metadata.signatures:
        for count in RETRIEVED:
            yield _request(model, "retrieve", pack_retrieve(metadata, users[0], count))
    if DESCRIBE in metadata.signatures:
        yield _request(model, DESCRIBE, {"rows": np.zeros(1, np.int32)})


def synthetic_row(raw_inputs: Sequence[RawInput], description: Description) -> Row:
    """A row with a full history and a value for each feature, of ids that hardly any log has."""
    values = {raw.name: SOME_ID if raw.dtype == "string" else 1 for raw in raw_inputs}
    return {
        raw.name: values[raw.name] if raw.kind == "value" else [values[raw.name]] * description.lengths.get(raw.name, 1)
        for raw in raw_inputs
    }


def _request(model: str, signature: str, arrays: Mapping[str, np.ndarray]) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    fill_inputs(request, arrays)
    return request


def _examples(rows: Sequence[Row], raw_inputs: Sequence[RawInput]) -> dict[str, np.ndarray]:
    examples = [example_of(row, raw_inputs).SerializeToString(deterministic=True) for row in rows]
    return {"examples": np.array(examples, object)}


def _cycled(rows: Sequence[Any], count: int) -> list[Any]:
    return [rows[position % len(rows)] for position in range(count)]
