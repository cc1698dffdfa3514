"""Serialized training examples: their files, their parsing and the choice of positives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import tensorflow as tf

from interestflow.models.inputs import ModelInputs
from interestflow.transforms import feature_names

PARSING_BATCH = 4096
INTERLEAVED_FILES = 16
Array = TypeVar("Array", np.ndarray, tf.Tensor)


class TrainingDataError(Exception):
    """Examples that cannot be trained on; the message says which and why."""


def parsing_spec(inputs: ModelInputs) -> dict[str, tf.io.FixedLenFeature]:
    """Return the features of transformed examples for `tf.io.parse_example`, with labels and masks."""
    tensors = inputs.tensors() | inputs.training_tensors()
    spec = {name: tf.io.FixedLenFeature(shape, dtype) for name, (shape, dtype) in tensors.items()}
    for task in inputs.tasks:
        spec[feature_names.label(task)] = tf.io.FixedLenFeature([], tf.float32)
    for task in inputs.masked_tasks:
        spec[feature_names.mask(task)] = tf.io.FixedLenFeature([], tf.float32)
    return spec


def matching_files(patterns: Sequence[str]) -> list[str]:
    """Return the files that match, sorted, so that their order never depends on the file system.

    Raises:
        TrainingDataError: If no file matches.
    """
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    if not files:
        raise TrainingDataError(f"no file of examples matches {', '.join(patterns)}")
    return files


def read_records(files: Sequence[str]) -> tf.data.Dataset:
    """Return serialized examples, from several files at a time, in an order that does not depend on reading speed.

    Raises:
        TrainingDataError: If some files are compressed and others are not.
    """
    is_compressed = {file.endswith(".gz") for file in files}
    if len(is_compressed) > 1:
        raise TrainingDataError(f"files of examples should all be compressed or none, received {', '.join(files)}")
    compression = "GZIP" if is_compressed.pop() else ""
    return tf.data.Dataset.from_tensor_slices(list(files)).interleave(
        lambda file: tf.data.TFRecordDataset(file, compression_type=compression, buffer_size=2**20),
        cycle_length=min(INTERLEAVED_FILES, len(files)),
        block_length=64,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )


def is_positive(tensors: Mapping[str, Array], inputs: ModelInputs, task: str) -> Array:
    """Return whether the label of `task` is 1 and known, bool `[N]`.

    Args:
        tensors: Labels and masks by name, `[N]`.
        inputs: Inputs of the model, which say whether the task has a mask.
        task: Name of the task.
    """
    positive = tensors[feature_names.label(task)] > 0.5
    return positive & (tensors[feature_names.mask(task)] > 0.5) if task in inputs.masked_tasks else positive


def filter_positives(records: tf.data.Dataset, inputs: ModelInputs, task: str) -> tf.data.Dataset:
    """Return the serialized examples that are positives of `task`."""
    names = [feature_names.label(task), *([feature_names.mask(task)] if task in inputs.masked_tasks else [])]
    spec = {name: tf.io.FixedLenFeature([], tf.float32) for name in names}

    def select(batch: tf.Tensor) -> tf.Tensor:
        return tf.boolean_mask(batch, is_positive(tf.io.parse_example(batch, spec), inputs, task))

    return records.batch(PARSING_BATCH).map(select, tf.data.AUTOTUNE).unbatch()


def narrow(tensors: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Return the tensors with int64 as int32, which halves the memory of ids."""
    return {name: tf.cast(t, tf.int32) if t.dtype == tf.int64 else t for name, t in tensors.items()}


def widen(tensor: tf.Tensor) -> tf.Tensor:
    """Return an int32 tensor as int64, and any other as it is: the inverse of `narrow`."""
    return tf.cast(tensor, tf.int64) if tensor.dtype == tf.int32 else tensor
