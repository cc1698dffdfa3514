"""What evaluators need of an exported model: the signature that they ask, and the examples that they ask with."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from pipeline.evaluation_result import EvaluationError


def examples_in(files: Sequence[str]) -> tf.data.Dataset:
    """The serialized examples in these files, in their order: all of them compressed, or none."""
    compression = "GZIP" if files[0].endswith(".gz") else ""
    return tf.data.TFRecordDataset(list(files), compression_type=compression, buffer_size=2**20)


def default_signature(folder: str) -> Any:
    """`serving_default` of the model in `folder`.

    Raises:
        EvaluationError: where there is no such model, or it has none.
    """
    signatures = _model(folder).signatures
    if "serving_default" not in signatures:
        raise EvaluationError(f"the model in {folder} should have the signature serving_default")
    return signatures["serving_default"]


@functools.lru_cache(maxsize=2)
def _model(folder: str) -> Any:
    try:
        return tf.saved_model.load(folder)
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise EvaluationError(f"{folder} holds no model that can be loaded: {error}") from None
