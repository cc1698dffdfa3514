"""What evaluators need of an exported model: its answers to serialized examples, and the examples themselves."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from interestflow.pipeline.evaluation.result import EvaluationError
from interestflow.serving.session_model import ModelLoadError, SessionModel

SIGNATURE, EXAMPLES = "serving_default", "examples"


def examples_in(files: Sequence[str]) -> tf.data.Dataset:
    """The serialized examples in these files, in their order: all of them compressed, or none."""
    compression = "GZIP" if files[0].endswith(".gz") else ""
    return tf.data.TFRecordDataset(list(files), compression_type=compression, buffer_size=2**20)


def answer_examples(folder: str, examples: np.ndarray) -> dict[str, np.ndarray]:
    """Ask `serving_default` of the model in `folder`, loaded as TensorFlow Serving loads it.

    Args:
        folder: of an exported model; the last two are kept loaded.
        examples: serialized, bytes `[N]`.

    Returns:
        Arrays `[N, ...]` by name of the output.

    Raises:
        EvaluationError: where there is no such model, or it has no such signature.
        tf.errors.OpError: where the model cannot read the examples.
    """
    model = _model(folder)
    if SIGNATURE not in model.signatures:
        raise EvaluationError(f"the model in {folder} should have the signature {SIGNATURE}")
    return model.run(SIGNATURE, {EXAMPLES: examples})


@functools.lru_cache(maxsize=2)
def _model(folder: str) -> SessionModel:
    try:
        return SessionModel(folder)
    except ModelLoadError as error:
        raise EvaluationError(f"{folder} holds no model that can be loaded: {error}") from None
