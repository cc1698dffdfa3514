"""Check for features that every training example had and that a request lacks."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from interestflow.serving.client.values import is_missing
from interestflow.serving.examples import EXAMPLES
from interestflow.transforms.feature_names import ITEM


class FeatureCheck:
    """Finds which of some features a request for one signature lacks.

    Args:
        signature: SignatureDef.
        features: names of single-valued features.
    """

    def __init__(self, signature: meta_graph_pb2.SignatureDef, features: Collection[str]) -> None:
        """Find which features the signature takes, by dtype."""
        dtypes = {name: info.dtype for name, info in signature.inputs.items()}
        self._takes_examples = set(dtypes) == {EXAMPLES} and dtypes[EXAMPLES] == types_pb2.DT_STRING
        self._in_examples = frozenset(features) if self._takes_examples else frozenset()
        self._strings = [name for name in features if dtypes.get(name) == types_pb2.DT_STRING]
        self._floats = [name for name in features if dtypes.get(name) == types_pb2.DT_FLOAT]

    def missing(self, inputs: Mapping[str, np.ndarray]) -> list[str]:
        """Return the features that at least one row of `inputs` lacks: "" or NaN, or no value in a `tf.Example`.

        Integers are never missing: 0 is a value like others.
        """
        if self._takes_examples:
            return self._missing_in_examples(inputs[EXAMPLES]) if self._in_examples else []
        names = [name for name in self._strings if _has_gap(inputs[name], inputs[name] == b"", inputs)]
        names += [name for name in self._floats if _has_gap(inputs[name], np.isnan(inputs[name]), inputs)]
        return names

    def _missing_in_examples(self, examples: np.ndarray) -> list[str]:
        """Return the features that one of the examples lacks; bytes that cannot be parsed count as complete."""
        missing: set[str] = set()
        for serialized in examples.flat:
            try:
                features = tf.train.Example.FromString(serialized).features.feature
            except DecodeError:
                continue
            for name in self._in_examples - missing:
                if name not in features or _is_empty(features[name]):
                    missing.add(name)
            if len(missing) == len(self._in_examples):
                break
        return sorted(missing)


def _is_empty(feature: tf.train.Feature) -> bool:
    """Return whether a feature of a `tf.Example` has no value, or one that counts as missing."""
    kind = feature.WhichOneof("kind")
    values = getattr(feature, kind).value if kind is not None else []
    return not values or is_missing(values[0])


def _has_gap(values: np.ndarray, gaps: np.ndarray, inputs: Mapping[str, np.ndarray]) -> bool:
    """Return whether a value is missing in a row other than a candidate with an empty `item`, which is padding."""
    if not np.any(gaps):
        return False
    items = inputs.get(ITEM)
    if items is None or items.ndim < 2 or items.shape != values.shape:
        return True
    return bool(np.any(gaps & (items != b"")))
