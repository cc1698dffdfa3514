"""A ranker with what training needs around it: the loss over all replicas, and predictions kept beside labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import tensorflow as tf
from keras import ops

from interestflow.models.replicas import sum_over_replicas
from interestflow.pipeline.metrics.validation import measures
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.training_model import TrainingModel


class RankerTraining(TrainingModel):
    """Trains a ranker, whose call gives logits `[B]` by task.

    The loss is the sum over tasks of the mean sigmoid cross-entropy over the labelled examples of the *global* batch,
    plus what the ranker adds by `add_loss`. Each replica returns its share, so that the sum of the replicas'
    gradients is the gradient of one replica on the whole batch. A loss that a layer adds should be a mean over the
    replica's examples, or be of the global batch and the same on all; our layers' are, as their batch statistics are.

    Args:
        model: a ranker, of `(features by name, training) -> logits [B] by task`.
    """

    DEFAULT_METRIC: ClassVar[str] = "auc"
    SHOWN: ClassVar[Mapping[str, str]] = {"auc": "validation auc", "log_loss": "validation log loss"}
    UNDEFINED: ClassVar[str] = "it should have examples of both labels"

    def call(self, features: dict[str, Any], training: bool = False) -> dict[str, Any]:
        return self.model(features, training=training)

    def validate(self, validation: Split, batch_size: int, by_length: bool = False) -> dict[str, float]:
        return measures(self.predict(validation.in_order(batch_size, by_length), verbose=0))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """This replica's share of the loss; a float32 scalar.

        `y` and `sample_weight` are labels and weights `[B]` by task. A task without a labelled example adds 0.
        """
        total = ops.zeros((), "float32")
        for task, labels in y.items():
            logits = ops.cast(y_pred[task], "float32")
            entropy = ops.binary_crossentropy(labels, logits, from_logits=True)
            weights = sample_weight[task]
            labelled = sum_over_replicas(ops.sum(weights))
            total += ops.sum(entropy * weights) / ops.maximum(labelled, 1.0)
        for loss in self.losses:
            total += ops.sum(ops.cast(loss, "float32")) / tf.distribute.get_strategy().num_replicas_in_sync
        return total

    def predict_step(self, data: Any) -> dict[str, dict[str, Any]]:
        """Logits, labels and weights `[B]` by task, each in float32."""
        features, labels, weights = data
        logits = self(features, training=False)
        return {
            "logits": {task: ops.cast(value, "float32") for task, value in logits.items()},
            "labels": labels,
            "weights": weights,
        }
