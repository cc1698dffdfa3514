"""Positives of a file of raw examples: which user interacted with which item, and when."""

from __future__ import annotations

import numpy as np
import polars as pl
import tensorflow as tf

from interestflow.pipeline.evaluation.candidates import BATCH
from interestflow.pipeline.evaluation.exported_model import examples_in
from interestflow.transforms import feature_names

SCHEMA = {"row": pl.Int64, "user": pl.Binary, "item": pl.Binary, "timestamp": pl.Int64}


def no_positives() -> pl.DataFrame:
    """Return an empty frame of positives."""
    return pl.DataFrame(schema=SCHEMA)


def read_positives(file: str, task: str, has_mask: bool) -> pl.DataFrame:
    """Return the positives of `task` in `file`: their `row` in the file, `user`, `item` and `timestamp`.

    Args:
        file: TFRecord file of raw examples.
        task: Task whose label tells positives.
        has_mask: Whether the task has a mask; an example whose mask is 0 is no positive.
    """
    scalar = tf.io.FixedLenFeature([], tf.float32)
    text, integer = tf.io.FixedLenFeature([], tf.string), tf.io.FixedLenFeature([], tf.int64)
    spec = {feature_names.USER: text, feature_names.ITEM: text, feature_names.TIMESTAMP: integer}
    spec[feature_names.label(task)] = scalar
    if has_mask:
        spec[feature_names.mask(task)] = scalar
    frames, start = [no_positives()], 0
    for batch in examples_in([file]).batch(BATCH):
        parsed = {name: tensor.numpy() for name, tensor in tf.io.parse_example(batch, spec).items()}
        is_positive = parsed[feature_names.label(task)] > 0.5
        if has_mask:
            is_positive &= parsed[feature_names.mask(task)] > 0.5
        frames.append(
            pl.DataFrame(
                {
                    "row": np.arange(start, start + len(is_positive))[is_positive],
                    "user": pl.Series(parsed[feature_names.USER][is_positive].tolist(), dtype=pl.Binary),
                    "item": pl.Series(parsed[feature_names.ITEM][is_positive].tolist(), dtype=pl.Binary),
                    "timestamp": parsed[feature_names.TIMESTAMP][is_positive],
                }
            )
        )
        start += len(is_positive)
    return pl.concat(frames)


def read_examples(file: str, rows: np.ndarray) -> np.ndarray:
    """Return the serialized examples of `file` at `rows`, object array `[R]`."""
    records = [batch.numpy() for batch in examples_in([file]).batch(BATCH)]
    return np.concatenate([np.zeros(0, object), *records])[rows]
