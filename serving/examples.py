"""Conversion between rows of raw features and serialized `tf.Example`s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from interestflow.serving.client.rows import Arrays, Row
from interestflow.serving.client.values import as_list, as_single, is_missing, to_column
from interestflow.serving.raw_inputs import RawInput

EXAMPLES = "examples"
"""Input of the signatures that take serialized `tf.Example`s."""


def read_row(serialized: bytes, inputs: Sequence[RawInput]) -> dict[str, Any]:
    """Return the features among `inputs` that an example has; lists as lists, single values as they are."""
    features = tf.train.Example.FromString(serialized).features.feature
    row: dict[str, Any] = {}
    for raw in inputs:
        kind = features[raw.name].WhichOneof("kind") if raw.name in features else None
        if kind is None:
            continue
        values = list(getattr(features[raw.name], kind).value)
        if raw.kind != "value":
            row[raw.name] = values
        elif values:
            row[raw.name] = values[0]
    return row


def build_example(row: Row, inputs: Sequence[RawInput]) -> tf.train.Example:
    """Return the features of a row as an example, without those that are missing.

    Raises:
        ClientError: for several values of a single-valued feature, or a value of another dtype.
    """
    example = tf.train.Example()
    for raw in inputs:
        value = row.get(raw.name)
        if raw.kind == "value":
            single_value = as_single(raw.name, value)
            values = [] if is_missing(single_value) else [single_value]
        else:
            values = as_list(value)
        if not values:
            continue
        column = to_column(raw.name, raw.dtype, values)
        feature = example.features.feature[raw.name]
        if raw.dtype == "string":
            feature.bytes_list.value.extend(column)
        elif raw.dtype == "int64":
            feature.int64_list.value.extend(column)
        else:
            feature.float_list.value.extend(column)
    return example


def pack_examples(rows: Sequence[Row], inputs: Sequence[RawInput]) -> Arrays:
    """Pack rows for the signature `serving_default`: serialized examples, bytes `[N]`, as the input `EXAMPLES`.

    Raises:
        ClientError: as `build_example`.
    """
    examples = np.empty(len(rows), object)
    examples[:] = [build_example(row, inputs).SerializeToString(deterministic=True) for row in rows]
    return {EXAMPLES: examples}


def split_row(row: Row, inputs: Sequence[RawInput]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split a row into the features of the user and the request, and those of the candidate."""
    candidate = {raw.name for raw in inputs if raw.side == "candidate"}
    return (
        {name: value for name, value in row.items() if name not in candidate},
        {name: value for name, value in row.items() if name in candidate},
    )
