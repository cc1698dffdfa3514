"""Slices of the test examples: parts that are evaluated on their own."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from interestflow.pipeline.config import PipelineConfig
from interestflow.transforms import feature_names

INGESTION_SLICES = {
    "history_length": feature_names.SLICE_HISTORY,
    "user": feature_names.SLICE_USER,
    "item": feature_names.SLICE_ITEM,
}
"""Raw features that ingestion writes for slicing, by the slice's name."""
MISSING = "(missing)"


@dataclass(frozen=True)
class Slice:
    """Partition of examples by the value of one raw feature.

    Attributes:
        name: Name of the slice, as configured.
        feature: The raw feature.
        is_list: Whether the feature is a list; an example belongs to the part of each of its values.
        boundaries: Ascending boundaries between the buckets of a numeric feature; empty for text.
    """

    name: str
    feature: str
    is_list: bool = False
    boundaries: tuple[float, ...] = ()

    @property
    def parsing(self) -> Any:
        """Specification of the feature for `tf.io.parse_example`."""
        if self.is_list:
            return tf.io.VarLenFeature(tf.string)
        return tf.io.FixedLenFeature([], tf.float32 if self.boundaries else tf.string)

    def pairs(self, parsed: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and the value of each, int64 and text `[P]`; a row of a list occurs once for each value.

        Args:
            parsed: The feature as `tf.io.parse_example` returns it: a dense tensor, or a sparse one for a list.
        """
        if self.is_list:
            return parsed.indices.numpy()[:, 0], parsed.values.numpy().astype(object)
        values = parsed.numpy()
        return np.arange(len(values)), self._buckets(values) if self.boundaries else values.astype(object)

    def parts(self, rows: np.ndarray, values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Yield each distinct value with its rows, without repeated rows.

        Args:
            rows: Rows as `pairs` returns them, `[P]`.
            values: Value of each of the rows, `[P]`.
        """
        distinct, codes = np.unique(values, return_inverse=True)
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes, minlength=len(distinct)))
        for value, members in zip(distinct, np.split(rows[order], ends[:-1]), strict=True):
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            yield text or MISSING, np.unique(members) if self.is_list else members

    def sort_key(self, value: str) -> tuple[float, str]:
        """Return the key that sorts values: buckets and leading numbers as numbers, all else as text."""
        if value in self._labels:
            return float(self._labels.index(value)), value
        match = re.match(r"\d+", value)
        return (float(match[0]) if match else np.inf), value

    @property
    def _labels(self) -> list[str]:
        """Names of the buckets, in order; the last is of missing values."""
        edges = [f"{boundary:g}" for boundary in self.boundaries]
        if not edges:
            return []
        between = [f"{low} to {high}" for low, high in itertools.pairwise(edges)]
        return [f"below {edges[0]}", *between, f"{edges[-1]} or more", MISSING]

    def _buckets(self, values: np.ndarray) -> np.ndarray:
        """Return the name of each number's bucket."""
        buckets = np.searchsorted(np.array(self.boundaries, np.float32), values, side="right")
        buckets[np.isnan(values)] = len(self.boundaries) + 1
        return np.array(self._labels, object)[buckets]


def slices_of(config: PipelineConfig) -> tuple[Slice, ...]:
    """Return the slices that `evaluation.slices` names."""
    attributes = {attribute.name: attribute for attribute in config.features.target_attributes()}
    slices = []
    for name in config.evaluation.slices:
        if name in INGESTION_SLICES:
            slices.append(Slice(name, INGESTION_SLICES[name]))
        else:
            attribute = attributes[name]
            slices.append(Slice(name, name, attribute.kind == "categorical_list", attribute.boundaries or ()))
    return tuple(slices)
