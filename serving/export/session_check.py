"""Whether a model that was just written answers in a session as it does in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from interestflow.serving.export.saved_model_writer import ExportError
from interestflow.serving.session_model import INIT_SIGNATURE, ModelLoadError, SessionModel, first_line
from interestflow.serving.warm_up import read_warm_up

TOLERANCE = 1e-4
"""Relative to an answer's largest number. Kernels may add in another order; an unrestored variable is far beyond."""


def check_export(folder: str, signatures: Mapping[str, Any]) -> None:
    """Load the model in `folder` through a session and answer its warm-up requests.

    Args:
        folder: of the SavedModel, with warm-up requests for every signature.
        signatures: the concrete functions that were saved, by key.

    Raises:
        ExportError: where the model cannot be loaded or run, a signature has no warm-up request, or an answer differs
            from that of the function in memory.
    """
    try:
        model = SessionModel(folder)
    except ModelLoadError as error:
        raise ExportError(f"the exported model cannot be restored by a session: {error}") from error
    try:
        asked = {key for key in (_check_request(model, signatures, log) for log in read_warm_up(folder)) if key}
    finally:
        model.close()
    silent = sorted(model.signatures.keys() - {INIT_SIGNATURE} - asked)
    if silent:
        raise ExportError(f"the warm-up file should ask every signature, it lacks {', '.join(silent)}")


def _check_request(model: SessionModel, signatures: Mapping[str, Any], log: Any) -> str:
    request = log.predict_log.request
    key: str = request.model_spec.signature_name
    inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
    expected = signatures[key](**{name: tf.constant(value, shape=value.shape) for name, value in inputs.items()})
    try:
        answers = model.run(key, inputs)
    except tf.errors.OpError as error:
        raise ExportError(f"signature {key} of the exported model fails in a session: {first_line(error)}") from error
    for name, answer in answers.items():
        difference = _difference(answer, expected[name].numpy())
        if not difference <= TOLERANCE:
            raise ExportError(
                f"output `{name}` of {key} should be the same in a session as in memory, it differs by {difference:.3g}"
            )
    return key


def _difference(answer: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, relative to the largest number where that is above 1; infinite for other shapes.

    Text is compared by its shape alone: of items with nearly equal scores either may come first.
    """
    if answer.shape != expected.shape:
        return float("inf")
    if answer.dtype.kind != "f" or answer.size == 0:
        return 0.0
    if not np.array_equal(np.isfinite(answer), np.isfinite(expected)):
        return float("inf")
    finite = np.isfinite(expected)
    size = max(1.0, float(np.max(np.abs(expected[finite]), initial=0.0)))
    return float(np.max(np.abs(answer[finite] - expected[finite]), initial=0.0)) / size
