"""Raw features that an exported model takes, before any transform, and their conversion to parsed features."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import tensorflow as tf

from interestflow.transforms import feature_names

DEFAULTS: dict[str, str | int | float] = {"string": "", "int64": 0, "float32": math.nan}
"""Value of a missing single-valued feature for which the transform names no default of its own, by dtype."""

Kind = Literal["value", "list", "history"]
Side = Literal["user", "candidate"]
ParsingSpec = Mapping[str, "tf.io.FixedLenFeature | tf.io.VarLenFeature"]
"""Parsing specification of raw features by name, as `tf.io.parse_example` takes it."""
Features = dict[str, "tf.Tensor | tf.SparseTensor"]
"""Features by name as `tf.io.parse_example` returns them: dense for single values, sparse for lists."""


@dataclass(frozen=True)
class RawInput:
    """One raw feature.

    Attributes:
        name: name of the feature.
        dtype: TensorFlow's name of its dtype.
        kind: a single value, a list without order in time, or a list along the history.
        default: value of a missing single value; None for lists, which are then empty.
        side: whether it describes a candidate, or the user and everything that all candidates of a request share.
    """

    name: str
    dtype: str
    kind: Kind
    default: str | int | float | None = None
    side: Side = "user"

    @property
    def tensor_spec(self) -> tf.TensorSpec:
        """Spec in the signatures of named tensors: `[N]`, or `[N, L]` padded where a list is shorter."""
        return tf.TensorSpec([None] if self.kind == "value" else [None, None], self.dtype, name=self.name)

    @property
    def ranked_tensor_spec(self) -> tf.TensorSpec:
        """Spec in the signature `rank`, in which features of candidates have an axis of candidates after the first."""
        spec = self.tensor_spec
        return spec if self.side == "user" else tf.TensorSpec([None, *spec.shape], self.dtype, name=self.name)

    def as_json(self) -> dict[str, Any]:
        """Return the attributes as an object of JSON."""
        return asdict(self)


def describe_raw_inputs(spec: ParsingSpec, candidate: Collection[str] = ()) -> tuple[RawInput, ...]:
    """Return the raw features of a parsing specification, sorted by name.

    Args:
        spec: parsing specification by name.
        candidate: names of the features that describe the candidate.

    Raises:
        ValueError: for a feature that is neither a single value nor a list of any length.
    """
    inputs = []
    for name, feature in sorted(spec.items()):
        dtype = tf.as_dtype(feature.dtype).name
        side: Side = "candidate" if name in candidate else "user"
        if isinstance(feature, tf.io.VarLenFeature):
            kind: Kind = "history" if name.startswith(feature_names.history("")) else "list"
            inputs.append(RawInput(name, dtype, kind, side=side))
        elif isinstance(feature, tf.io.FixedLenFeature) and list(feature.shape) == []:
            default = DEFAULTS[dtype] if feature.default_value is None else feature.default_value
            default = default.decode() if isinstance(default, bytes) else default
            inputs.append(RawInput(name, dtype, "value", default, side))
        else:
            raise ValueError(
                f"raw feature `{name}` should be a FixedLenFeature([]) or VarLenFeature, received {feature}"
            )
    return tuple(inputs)


def parsing_spec(inputs: Collection[RawInput]) -> ParsingSpec:
    """Return the parsing specification of `inputs`, in which missing single values get their default."""
    return {
        raw.name: tf.io.FixedLenFeature([], raw.dtype, raw.default)
        if raw.kind == "value"
        else tf.io.VarLenFeature(raw.dtype)
        for raw in inputs
    }


def features_from_tensors(inputs: Collection[RawInput], tensors: Mapping[str, tf.Tensor]) -> Features:
    """Convert padded named tensors to features as `tf.io.parse_example` returns them.

    Lists become sparse, without their padding. Along the history, a step exists where its `history_item` is not empty,
    regardless of its other features; all of these should have the same length, or the request fails. Another list
    holds the values that are not the empty string (or, for numbers, not NaN).
    """
    features: Features = {}
    for raw in inputs:
        tensor = tensors[raw.name]
        if raw.kind == "value":
            features[raw.name] = tensor
            continue
        if raw.kind == "history":
            steps = tensors[feature_names.HISTORY_ITEM]
            message = f"`{raw.name}` should have as many rows and steps as `{feature_names.HISTORY_ITEM}`"
            tf.debugging.assert_equal(tf.shape(tensor), tf.shape(steps), message=message)
            mask = steps != ""
        elif raw.dtype == "string":
            mask = tensor != ""
        elif raw.dtype == "float32":
            mask = tf.logical_not(tf.math.is_nan(tensor))
        else:
            mask = tf.ones_like(tensor, tf.bool)
        features[raw.name] = tf.ragged.boolean_mask(tensor, mask).to_sparse()
    return features


def missing_features(inputs: Collection[RawInput], rows: int | tf.Tensor) -> Features:
    """Return what parsing returns for examples that lack all of `inputs`.

    Args:
        inputs: raw features.
        rows: number of examples, or a scalar tensor of it.
    """
    features: Features = {}
    for raw in inputs:
        if raw.kind == "value":
            features[raw.name] = tf.fill([rows], tf.constant(raw.default, raw.dtype))
        else:
            shape = tf.cast(tf.stack([rows, 0]), tf.int64)
            empty = tf.zeros([0], raw.dtype) if raw.dtype != "string" else tf.constant([], tf.string)
            features[raw.name] = tf.SparseTensor(tf.zeros([0, 2], tf.int64), empty, shape)
    return features
