"""Check that a model that was just written returns the same in a session as in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from interestflow.serving.export.saved_model_writer import ConcreteFunction, ExportError
from interestflow.serving.session_model import INIT_SIGNATURE, ModelLoadError, SessionModel, first_line
from interestflow.serving.warm_up import read_warm_up

Outputs: TypeAlias = Mapping[str, np.ndarray]
TOLERANCE = 1e-4
"""Largest difference, relative to the largest number of an output. Kernels may add in another order; an unrestored
variable differs far more."""


def expected_outputs(folder: str, signatures: Mapping[str, ConcreteFunction]) -> list[Outputs]:
    """Return what the functions in memory answer to each warm-up request of the model in `folder`.

    Args:
        folder: folder of the SavedModel, with warm-up requests.
        signatures: concrete functions that were saved, by key.
    """
    answers: list[Outputs] = []
    for log in read_warm_up(folder):
        key, inputs = _request(log)
        outputs = signatures[key](**{name: tf.constant(value, shape=value.shape) for name, value in inputs.items()})
        answers.append({name: tensor.numpy() for name, tensor in outputs.items()})
    return answers


def check_export(folder: str, expected: Sequence[Outputs]) -> None:
    """Load the model in `folder` through a session and run its warm-up requests.

    Args:
        folder: folder of the SavedModel, with warm-up requests for every signature.
        expected: what `expected_outputs` returned for it.

    Raises:
        ExportError: where the model cannot be loaded or run, a signature has no warm-up request, or an output
            differs from that of the function in memory.
    """
    try:
        model = SessionModel(folder)
    except ModelLoadError as error:
        raise ExportError(f"the exported model cannot be restored by a session: {error}") from error
    try:
        logs = zip(read_warm_up(folder), expected, strict=True)
        used = {_check_request(model, log, outputs) for log, outputs in logs}
    finally:
        model.close()
    unused = sorted(model.signatures.keys() - {INIT_SIGNATURE} - used)
    if unused:
        raise ExportError(f"the warm-up file should ask every signature, it lacks {', '.join(unused)}")


def _request(log: prediction_log_pb2.PredictionLog) -> tuple[str, Outputs]:
    """Return the key of the signature that a warm-up request asks, and its inputs by name."""
    request = log.predict_log.request
    return request.model_spec.signature_name, {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}


def _check_request(model: SessionModel, log: prediction_log_pb2.PredictionLog, expected: Outputs) -> str:
    """Compare the outputs for one warm-up request, and return the key of its signature."""
    key, inputs = _request(log)
    try:
        outputs = model.run(key, inputs)
    except tf.errors.OpError as error:
        raise ExportError(f"signature {key} of the exported model fails in a session: {first_line(error)}") from error
    for name, output in outputs.items():
        difference = _difference(output, expected[name])
        if not difference <= TOLERANCE:
            raise ExportError(
                f"output `{name}` of {key} should be the same in a session as in memory, it differs by {difference:.3g}"
            )
    return key


def _difference(output: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference, relative to the largest number where that is above 1; infinity for other shapes.

    Text is compared by its shape alone: of items with nearly equal scores either may come first.
    """
    if output.shape != expected.shape:
        return float("inf")
    if output.dtype.kind != "f" or output.size == 0:
        return 0.0
    if not np.array_equal(np.isfinite(output), np.isfinite(expected)):
        return float("inf")
    finite = np.isfinite(expected)
    size = max(1.0, float(np.max(np.abs(expected[finite]), initial=0.0)))
    return float(np.max(np.abs(output[finite] - expected[finite]), initial=0.0)) / size
