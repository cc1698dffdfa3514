"""Outputs of an exported model for serialized examples, and the examples of TFRecord files."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from interestflow.pipeline.evaluation.result import EvaluationError
from interestflow.serving.session_model import ModelLoadError, SessionModel

SIGNATURE, EXAMPLES = "serving_default", "examples"


def examples_in(files: Sequence[str]) -> tf.data.Dataset:
    """Return the serialized examples of `files` in their order; all files are compressed, or none."""
    compression = "GZIP" if files[0].endswith(".gz") else ""
    return tf.data.TFRecordDataset(list(files), compression_type=compression, buffer_size=2**20)


def run_examples(folder: str, examples: np.ndarray) -> dict[str, np.ndarray]:
    """Run `serving_default` of the model in `folder`, loaded as TensorFlow Serving loads it.

    Args:
        folder: Folder of an exported model; the last two models stay loaded.
        examples: Serialized examples, bytes `[N]`.

    Returns:
        Arrays `[N, ...]` by name of the output.

    Raises:
        EvaluationError: If there is no such model, or it has no such signature.
        tf.errors.OpError: If the model cannot read the examples.
    """
    model = _load_model(folder)
    if SIGNATURE not in model.signatures:
        raise EvaluationError(f"the model in {folder} should have the signature {SIGNATURE}")
    return model.run(SIGNATURE, {EXAMPLES: examples})


@functools.lru_cache(maxsize=2)
def _load_model(folder: str) -> SessionModel:
    try:
        return SessionModel(folder)
    except ModelLoadError as error:
        raise EvaluationError(f"{folder} holds no model that can be loaded: {error}") from None
