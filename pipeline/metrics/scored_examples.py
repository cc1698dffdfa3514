"""The labels and scores of a slice, gathered once, from which every metric is then derived."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types

USER_IDS = 2**62
SCORED_EXAMPLES = "_scored_examples"
"""Of the metric that holds them; TFMA leaves out of its results what begins with an underscore."""


@dataclass(frozen=True)
class ScoredExamples:
    """Examples of one task: all arrays are `[N]`.

    labels: 0 or 1, float32.
    probabilities: as predicted, float32.
    users: who, as `user_ids` gives it, int64.
    true_probabilities: where the log has them, float32; NaN elsewhere.
    unlabelled: how many further examples have no label for the task.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    users: np.ndarray
    true_probabilities: np.ndarray
    unlabelled: int = 0

    @classmethod
    def none(cls) -> ScoredExamples:
        nothing = np.zeros(0, np.float32)
        return cls(nothing, nothing, np.zeros(0, np.int64), nothing)

    @classmethod
    def joined(cls, parts: Iterable[ScoredExamples]) -> ScoredExamples:
        parts = [cls.none(), *parts]
        return cls(
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.probabilities for part in parts]),
            np.concatenate([part.users for part in parts]),
            np.concatenate([part.true_probabilities for part in parts]),
            sum(part.unlabelled for part in parts),
        )


def user_ids(users: Any) -> np.ndarray:
    """Text `[N]` to int64 `[N]`: fingerprints, of which two users share one with a chance of about users²/2^63."""
    return np.asarray(tf.strings.to_hash_bucket_fast(users, USER_IDS))


class ScoredExamplesCombiner(beam.CombineFn):
    """Gathers what the extracts hold, one example or a block of them at a time.

    Args:
        key: under which the `ScoredExamples` of a slice are found. Its model and output pick predictions, labels and
            weights; a weight of 0 says that the example has no label for the output.
        user_key: feature that holds the user, as text or as `user_ids` of it.
        true_probability_key: feature that holds the true probability, or "".
    """

    def __init__(self, key: metric_types.MetricKey, user_key: str, true_probability_key: str) -> None:
        self._key = key
        self._user_key = user_key
        self._true_probability_key = true_probability_key

    def create_accumulator(self) -> list[ScoredExamples]:
        return []

    def add_input(self, accumulator: list[ScoredExamples], element: Any) -> list[ScoredExamples]:
        names = (self._key.model_name or None, self._key.output_name or None)
        labels = _flat(element.get_labels(*names), np.float32)
        probabilities = _flat(element.get_predictions(*names), np.float32)
        weights = element.get_example_weights(*names)
        weights = np.ones_like(labels) if weights is None else _flat(weights, np.float32)
        labelled = weights > 0.0
        features = element[tfma.FEATURES_KEY]
        users = np.asarray(features[self._user_key]).reshape(-1)
        users = users if users.dtype.kind == "i" else user_ids(users)
        if self._true_probability_key:
            truth = _flat(features[self._true_probability_key], np.float32)
        else:
            truth = np.full_like(labels, np.nan)
        accumulator.append(
            ScoredExamples(
                labels[labelled],
                probabilities[labelled],
                users[labelled],
                truth[labelled],
                int((~labelled).sum()),
            )
        )
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[list[ScoredExamples]]) -> list[ScoredExamples]:
        return [part for accumulator in accumulators for part in accumulator]

    def compact(self, accumulator: list[ScoredExamples]) -> list[ScoredExamples]:
        return [ScoredExamples.joined(accumulator)]

    def extract_output(self, accumulator: list[ScoredExamples]) -> dict[metric_types.MetricKey, ScoredExamples]:
        return {self._key: ScoredExamples.joined(accumulator)}


def _flat(values: Any, dtype: Any) -> np.ndarray:
    return np.asarray(values, dtype).reshape(-1)
