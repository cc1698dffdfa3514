"""Training of rankers: the loss over all replicas, and validation on the predictions of the whole split."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
from keras import ops

from interestflow.models.replicas import sum_over_replicas
from interestflow.models.tensor import Features, Tensor
from interestflow.pipeline.metrics.registry import RANKING
from interestflow.pipeline.metrics.validation import ranking_metrics
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.training_model import TrainingModel


class RankerTraining(TrainingModel):
    """Ranker with its training loss; a ranker returns logits `[B]` by task.

    The loss is the sum over tasks of the mean sigmoid cross-entropy over the labelled examples of the *global* batch,
    plus what the ranker adds by `add_loss`. Each replica returns its share, so that the sum of the replicas'
    gradients is the gradient of one replica on the whole batch. A loss that a layer adds should be a mean over the
    replica's examples, or be computed from the global batch and equal on all replicas; our layers' losses are, as their
    batch statistics are.

    Args:
        model: A ranker, `(features by name, training) -> logits [B] by task`.
    """

    FAMILY = RANKING
    VALIDATION_NEEDS = "it should have examples of both labels"

    def call(self, features: Features, training: bool = False) -> dict[str, Tensor]:
        """Return the ranker's logits `[B]` by task."""
        return self.model(features, training=training)

    def validate(self, validation: Split, batch_size: int, by_length: bool = False) -> dict[str, float]:
        """Return AUC and log loss of the predictions for the whole split."""
        return ranking_metrics(self.predict(validation.in_order(batch_size, by_length), verbose=0))

    def compute_loss(
        self,
        x: Features,
        y: Mapping[str, Tensor],
        y_pred: Mapping[str, Tensor],
        sample_weight: Mapping[str, Tensor],
        training: bool = True,
    ) -> Tensor:
        """Return this replica's share of the loss, a float32 scalar.

        Args:
            x: Features, which the loss does not read.
            y: Labels `[B]` by task.
            y_pred: Logits `[B]` by task.
            sample_weight: Weights `[B]` by task, 0 for an example without a label. A task without a labelled example
                adds 0 to the loss.
            training: Whether this is a training step, which the loss does not read.
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

    def predict_step(
        self, data: tuple[Features, Mapping[str, Tensor], Mapping[str, Tensor]]
    ) -> dict[str, Mapping[str, Tensor]]:
        """Return logits, labels and weights `[B]` by task, each in float32."""
        features, labels, weights = data
        logits = self(features, training=False)
        return {
            "logits": {task: ops.cast(value, "float32") for task, value in logits.items()},
            "labels": labels,
            "weights": weights,
        }
