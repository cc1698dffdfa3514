"""Checks of the warm-up requests that are stored with a model.

A version that answered no request may become AVAILABLE although it cannot answer any, and one request that it cannot
answer keeps TensorFlow Serving from starting. So the warm-up file has to use every signature, and each request is
checked as far as possible without answering it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from interestflow.serving.deployment.config import BatchingConfig
from interestflow.serving.deployment.errors import ModelFolderError
from interestflow.serving.session_model import INIT_SIGNATURE
from interestflow.serving.warm_up import MAX_REQUESTS, WARM_UP, read_warm_up

DEFAULT_SIGNATURE = "serving_default"


def check_warm_up(
    folder: str, signatures: Mapping[str, meta_graph_pb2.SignatureDef], batching: BatchingConfig | None
) -> None:
    """Check the warm-up file of one version.

    Args:
        folder: the folder of the version.
        signatures: its SignatureDef by key.
        batching: the section `deployment.batching`.

    Raises:
        ModelFolderError: where there is no such file, a signature is not used, or a request cannot be answered.
    """
    path = f"{folder}/{WARM_UP}"
    if not tf.io.gfile.exists(path):
        raise ModelFolderError(
            f"{folder} should hold warm-up requests, received no file {WARM_UP}: without them, a version that cannot "
            "answer becomes available"
        )
    try:
        logs = list(itertools.islice(read_warm_up(folder), MAX_REQUESTS + 1))
    except (tf.errors.OpError, DecodeError):
        raise ModelFolderError(f"{path} should hold warm-up requests, received a file that cannot be parsed") from None
    if len(logs) > MAX_REQUESTS:
        raise ModelFolderError(f"{path} should hold at most {MAX_REQUESTS} requests, received more")
    used = {
        signature
        for index, log in enumerate(logs)
        for signature in _check_request(f"{path}, request {index}", log, signatures, batching)
    }
    unused = sorted(signatures.keys() - used - {INIT_SIGNATURE})
    if unused:
        raise ModelFolderError(f"{path} should use every signature of the model, received no request to {unused[0]!r}")


def _check_request(
    location: str,
    log: prediction_log_pb2.PredictionLog,
    signatures: Mapping[str, meta_graph_pb2.SignatureDef],
    batching: BatchingConfig | None,
) -> Iterable[str]:
    """Check one record, named `location` in messages, and return the signatures that it uses."""
    kind = log.WhichOneof("log_type")
    if kind not in ("predict_log", "classify_log", "regress_log", "multi_inference_log"):
        raise ModelFolderError(
            f"{location} should be one of Predict, Classify, Regress or MultiInference, received {kind}"
        )
    request = getattr(log, kind).request
    specs = [task.model_spec for task in request.tasks] if kind == "multi_inference_log" else [request.model_spec]
    used = [spec.signature_name or DEFAULT_SIGNATURE for spec in specs]
    for signature in used:
        if signature not in signatures:
            raise ModelFolderError(f"{location} should use a signature of the model, received {signature!r}")
    if kind == "predict_log":
        _check_input_names(location, request, signatures[used[0]])
    if batching is not None:
        rows = _rows_of_tensors(request) if kind == "predict_log" else {_rows_of_examples(request)}
        _check_rows(location, rows, batching)
    return used


def _check_input_names(
    location: str, request: predict_pb2.PredictRequest, signature: meta_graph_pb2.SignatureDef
) -> None:
    expected, received = sorted(signature.inputs), sorted(request.inputs)
    if expected != received:
        raise ModelFolderError(
            f"{location} should have the inputs {', '.join(expected)}, received {', '.join(received) or 'none'}"
        )


def _check_rows(location: str, rows: set[int], batching: BatchingConfig) -> None:
    if len(rows) > 1:
        counts = " and ".join(map(str, sorted(rows)))
        raise ModelFolderError(
            f"{location} should have as many rows in each input for `deployment.batching`, received {counts}"
        )
    for count in rows:
        if not 1 <= count <= batching.max_batch_size:
            raise ModelFolderError(
                f"{location} should have from 1 to `deployment.batching.max_batch_size`, {batching.max_batch_size}, "
                f"rows, received {count}"
            )


def _rows_of_tensors(request: predict_pb2.PredictRequest) -> set[int]:
    shapes = [tensor.tensor_shape.dim for tensor in request.inputs.values()]
    return {shape[0].size for shape in shapes if shape}


def _rows_of_examples(request: Any) -> int:
    kind = request.input.WhichOneof("kind")
    return 0 if kind is None else len(getattr(request.input, kind).examples)
