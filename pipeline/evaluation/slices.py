"""The parts of the test examples that are looked at on their own."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from interestflow.pipeline.config import PipelineConfig
from interestflow.transforms import feature_names

MADE_BY_INGESTION = {
    "history_length": feature_names.SLICE_HISTORY,
    "user": feature_names.SLICE_USER,
    "item": feature_names.SLICE_ITEM,
}
MISSING = "(missing)"


@dataclass(frozen=True)
class Slice:
    """Examples by the value of one raw feature.

    name: as configured.
    feature: the raw feature.
    is_list: an example belongs to each of its values.
    boundaries: between the buckets of a number, rising; none for text.
    """

    name: str
    feature: str
    is_list: bool = False
    boundaries: tuple[float, ...] = ()

    @property
    def parsing(self) -> Any:
        """For `tf.io.parse_example`."""
        if self.is_list:
            return tf.io.VarLenFeature(tf.string)
        return tf.io.FixedLenFeature([], tf.float32 if self.boundaries else tf.string)

    def pairs(self, parsed: Any) -> tuple[np.ndarray, np.ndarray]:
        """Rows, and the value of each, int64 and text `[P]`: a row of a list may occur several times, or never.

        Args:
            parsed: what `tf.io.parse_example` makes of the feature.
        """
        if self.is_list:
            return parsed.indices.numpy()[:, 0], parsed.values.numpy().astype(object)
        values = parsed.numpy()
        return np.arange(len(values)), self._buckets(values) if self.boundaries else values.astype(object)

    def parts(self, rows: np.ndarray, values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Each value with its rows, without repeats."""
        found, codes = np.unique(values, return_inverse=True)
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes, minlength=len(found)))
        for value, mine in zip(found, np.split(rows[order], ends[:-1]), strict=True):
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            yield text or MISSING, np.unique(mine) if self.is_list else mine

    def order(self, value: str) -> tuple[float, str]:
        """To sort values by: buckets and numbers as numbers, all else as text."""
        if value in self._labels:
            return float(self._labels.index(value)), value
        number = re.match(r"\d+", value)
        return (float(number[0]) if number else np.inf), value

    @property
    def _labels(self) -> list[str]:
        edges = [f"{boundary:g}" for boundary in self.boundaries]
        if not edges:
            return []
        between = [f"{low} to {high}" for low, high in itertools.pairwise(edges)]
        return [f"below {edges[0]}", *between, f"{edges[-1]} or more", MISSING]

    def _buckets(self, values: np.ndarray) -> np.ndarray:
        bucket = np.searchsorted(np.array(self.boundaries, np.float32), values, side="right")
        bucket[np.isnan(values)] = len(self.boundaries) + 1
        return np.array(self._labels, object)[bucket]


def slices_of(config: PipelineConfig) -> tuple[Slice, ...]:
    """The slices that `evaluation.slices` names."""
    attributes: Mapping[str, Any] = {attribute.name: attribute for attribute in config.features.with_target()}
    found = []
    for name in config.evaluation.slices:
        if name in MADE_BY_INGESTION:
            found.append(Slice(name, MADE_BY_INGESTION[name]))
        else:
            attribute = attributes[name]
            found.append(Slice(name, name, attribute.kind == "categorical_list", attribute.boundaries or ()))
    return tuple(found)
