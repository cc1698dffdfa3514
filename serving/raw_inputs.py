"""What a served model is asked with: the raw features, before any transform, and how they become its tensors."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import tensorflow as tf

from interestflow.transforms import feature_names

DEFAULTS: dict[str, Any] = {"string": "", "int64": 0, "float32": math.nan}
"""Of a single value that a request leaves out and for which the transform names no default of its own."""

Kind = Literal["value", "list", "history"]
Side = Literal["user", "candidate"]


@dataclass(frozen=True)
class RawInput:
    """One raw feature. `kind`: a single value, a list that says nothing of time, or a list along the history.

    `default` is what a missing single value counts as; None for lists, which are then empty. `side` says what it
    describes: a candidate, or the user and all else that is the same for every candidate of a request.
    """

    name: str
    dtype: str
    kind: Kind
    default: str | int | float | None = None
    side: Side = "user"

    @property
    def tensor_spec(self) -> tf.TensorSpec:
        """In the signature of named tensors: `[N]`, or `[N, L]` padded where the list is shorter."""
        return tf.TensorSpec([None] if self.kind == "value" else [None, None], self.dtype, name=self.name)

    @property
    def ranked_tensor_spec(self) -> tf.TensorSpec:
        """In the signature `rank`: as elsewhere, with an axis of candidates after the first for what describes them."""
        spec = self.tensor_spec
        return spec if self.side == "user" else tf.TensorSpec([None, *spec.shape], self.dtype, name=self.name)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def raw_inputs(spec: Mapping[str, Any], candidate: Collection[str] = ()) -> tuple[RawInput, ...]:
    """Describes a parsing specification of raw features.

    Args:
        spec: by name.
        candidate: names of those that describe the candidate.

    Raises:
        ValueError: for a feature that is neither a single value nor a list of any length.
    """
    found = []
    for name, feature in sorted(spec.items()):
        dtype = tf.as_dtype(feature.dtype).name
        side: Side = "candidate" if name in candidate else "user"
        if isinstance(feature, tf.io.VarLenFeature):
            kind: Kind = "history" if name.startswith(feature_names.history("")) else "list"
            found.append(RawInput(name, dtype, kind, side=side))
        elif isinstance(feature, tf.io.FixedLenFeature) and list(feature.shape) == []:
            default = DEFAULTS[dtype] if feature.default_value is None else feature.default_value
            default = default.decode() if isinstance(default, bytes) else default
            found.append(RawInput(name, dtype, "value", default, side))
        else:
            raise ValueError(
                f"raw feature `{name}` should be a FixedLenFeature([]) or VarLenFeature, received {feature}"
            )
    return tuple(found)


def parsing_spec(inputs: tuple[RawInput, ...]) -> dict[str, Any]:
    """What `tf.io.parse_example` needs; a missing single value gets its default instead of an error."""
    return {
        raw.name: tf.io.FixedLenFeature([], raw.dtype, raw.default)
        if raw.kind == "value"
        else tf.io.VarLenFeature(raw.dtype)
        for raw in inputs
    }


def from_named_tensors(inputs: tuple[RawInput, ...], tensors: Mapping[str, tf.Tensor]) -> dict[str, Any]:
    """Named tensors to what parsing gives: lists become sparse, without their padding.

    Along the history, a step is there where its `history_item` is not empty, whatever its other features hold; all of
    them should be as long, else the request is in error. Another list holds what is not the empty string (or, for
    numbers, not NaN).
    """
    result: dict[str, Any] = {}
    for feature in inputs:
        tensor = tensors[feature.name]
        if feature.kind == "value":
            result[feature.name] = tensor
            continue
        if feature.kind == "history":
            steps = tensors[feature_names.HISTORY_ITEM]
            message = f"`{feature.name}` should have as many rows and steps as `{feature_names.HISTORY_ITEM}`"
            tf.debugging.assert_equal(tf.shape(tensor), tf.shape(steps), message=message)
            kept = steps != ""
        elif feature.dtype == "string":
            kept = tensor != ""
        elif feature.dtype == "float32":
            kept = tf.logical_not(tf.math.is_nan(tensor))
        else:
            kept = tf.ones_like(tensor, tf.bool)
        result[feature.name] = tf.ragged.boolean_mask(tensor, kept).to_sparse()
    return result


def missing(inputs: tuple[RawInput, ...], rows: Any) -> dict[str, Any]:
    """What parsing gives for `rows` examples, a number or a scalar tensor, that lack all of `inputs`."""
    result: dict[str, Any] = {}
    for feature in inputs:
        if feature.kind == "value":
            result[feature.name] = tf.fill([rows], tf.constant(feature.default, feature.dtype))
        else:
            shape = tf.cast(tf.stack([rows, 0]), tf.int64)
            nothing = tf.zeros([0], feature.dtype) if feature.dtype != "string" else tf.constant([], tf.string)
            result[feature.name] = tf.SparseTensor(tf.zeros([0, 2], tf.int64), nothing, shape)
    return result
