"""Serialized examples of a log as rows to ask a model with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from serving.raw_inputs import RawInput

Row = dict[str, Any]


def row_of(serialized: bytes, inputs: Sequence[RawInput]) -> Row:
    """The features among `inputs` that an example has; lists as lists, single values as they are."""
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


def parted(row: Row, inputs: Sequence[RawInput]) -> tuple[Row, Row]:
    """What a row says of the user and the request, and what of the candidate."""
    candidate = {raw.name for raw in inputs if raw.side == "candidate"}
    return (
        {name: value for name, value in row.items() if name not in candidate},
        {name: value for name, value in row.items() if name in candidate},
    )
