"""Serialized examples of a log as rows to ask a model with, and rows as examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from interestflow.serving.client.values import as_list, as_single, is_missing, to_column
from interestflow.serving.raw_inputs import RawInput

Row = dict[str, Any]


def row_of(serialized: bytes, inputs: Sequence[RawInput]) -> Row:
    """Return the features among `inputs` that an example has; lists as lists, single values as they are."""
    features = tf.train.Example.FromString(serialized).features.feature
    row: Row = {}
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


def example_of(row: Mapping[str, Any], inputs: Sequence[RawInput]) -> tf.train.Example:
    """Write the features of a row into an example, without those that are missing.

    Raises:
        ClientError: for several values of a single-valued feature, or a value of another dtype.
    """
    example = tf.train.Example()
    for raw in inputs:
        value = row.get(raw.name)
        if raw.kind == "value":
            single = as_single(raw.name, value)
            values = [] if is_missing(single) else [single]
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


def split_row(row: Row, inputs: Sequence[RawInput]) -> tuple[Row, Row]:
    """Split a row into what it says of the user and the request, and of the candidate."""
    candidate = {raw.name for raw in inputs if raw.side == "candidate"}
    return (
        {name: value for name, value in row.items() if name not in candidate},
        {name: value for name, value in row.items() if name in candidate},
    )
