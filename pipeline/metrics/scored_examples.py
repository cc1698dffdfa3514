"""Labels and scores of a slice, collected once, from which every metric of rankers is derived."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
from numpy.typing import ArrayLike
from tensorflow_model_analysis.metrics import metric_types

USER_IDS = 2**62
"""Number of hash values of users."""
SCORED_EXAMPLES = "_scored_examples"
"""Name of the metric that holds them; TFMA leaves names that begin with an underscore out of its results."""


@dataclass(frozen=True)
class ScoredExamples:
    """Labelled and scored examples of one task.

    Attributes:
        labels: 0 or 1, float32 `[N]`.
        probabilities: Predicted probabilities, float32 `[N]`.
        users: Ids of the users, as `user_ids` returns them, int64 `[N]`.
        true_probabilities: True probabilities, float32 `[N]`; NaN where the log has none.
        unlabelled: Number of further examples without a label for the task.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    users: np.ndarray
    true_probabilities: np.ndarray
    unlabelled: int = 0

    @classmethod
    def empty(cls) -> ScoredExamples:
        """Return zero examples."""
        values = np.zeros(0, np.float32)
        return cls(values, values, np.zeros(0, np.int64), values)

    @classmethod
    def concatenate(cls, parts: Iterable[ScoredExamples]) -> ScoredExamples:
        """Return the examples of all parts."""
        parts = [cls.empty(), *parts]
        return cls(
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.probabilities for part in parts]),
            np.concatenate([part.users for part in parts]),
            np.concatenate([part.true_probabilities for part in parts]),
            sum(part.unlabelled for part in parts),
        )


def user_ids(users: ArrayLike) -> np.ndarray:
    """Return a fingerprint of each user's text id, int64 `[N]`.

    Any two users share a fingerprint with a probability of about users²/2^63.
    """
    return np.asarray(tf.strings.to_hash_bucket_fast(users, USER_IDS))


class ScoredExamplesCombiner(beam.CombineFn):
    """Collects scored examples from extracts of one example or of a block of examples.

    Args:
        key: Key of the `ScoredExamples` of a slice. Its model and output select predictions, labels and weights; a
            weight of 0 says that the example has no label for the output.
        user_key: Feature that holds the user, as text or as `user_ids`.
        true_probability_key: Feature that holds the true probability, or "" for none.
    """

    def __init__(self, key: metric_types.MetricKey, user_key: str, true_probability_key: str) -> None:
        """Store the keys."""
        self._key = key
        self._user_key = user_key
        self._true_probability_key = true_probability_key

    def create_accumulator(self) -> list[ScoredExamples]:
        """Return an empty list of parts."""
        return []

    def add_input(self, accumulator: list[ScoredExamples], element: Any) -> list[ScoredExamples]:
        """Append the labelled examples of one extract."""
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
        """Return the parts of all accumulators."""
        return [part for accumulator in accumulators for part in accumulator]

    def compact(self, accumulator: list[ScoredExamples]) -> list[ScoredExamples]:
        """Return the parts as one, which costs less to send on."""
        return [ScoredExamples.concatenate(accumulator)]

    def extract_output(self, accumulator: list[ScoredExamples]) -> dict[metric_types.MetricKey, ScoredExamples]:
        """Return all examples under the key."""
        return {self._key: ScoredExamples.concatenate(accumulator)}


def _flat(values: ArrayLike, dtype: type[np.generic]) -> np.ndarray:
    return np.asarray(values, dtype).reshape(-1)
