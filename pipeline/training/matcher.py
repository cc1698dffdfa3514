"""Training of matchers: their loss, and validation by ranking all items for each positive of the split."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from interestflow.models.catalogue import Catalogue
from interestflow.models.matchers.base import Matcher
from interestflow.models.tensor import Features, Tensor
from interestflow.pipeline.metrics.registry import RETRIEVAL
from interestflow.pipeline.metrics.validation import retrieval_metrics
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.training_model import TrainingModel
from interestflow.transforms.feature_names import HISTORY_ITEM, ITEM

ENCODING_BATCH = 8192
"""Items encoded at once."""
MAX_SCORES = 2**25
"""Scores held at once: 128 MB."""
MAX_SCORES_PER_EPOCH = 2**32
"""Scores computed in one validation. A split that needs more is validated on evenly spaced batches of it."""
MIN_POSITIVES = 2000
"""Positives that a validation looks at in any case."""


class MatcherTraining(TrainingModel):
    """Matcher with its `training_loss`, whose shares of all replicas add up.

    Args:
        model: A matcher.
        catalogue: Catalogue of the items that validation ranks.
        items_per_id: Number of items that have each id, `[item_rows]`; padding's id 0 has none.
    """

    FAMILY = RETRIEVAL
    VALIDATION_NEEDS = "it should have a positive of an item that is not in its user's history"

    def __init__(self, model: Matcher, catalogue: Catalogue, items_per_id: np.ndarray) -> None:
        """Store the model and the items that validation ranks."""
        super().__init__(model)
        self._items = catalogue.tensors
        self._items_per_id = tf.constant(items_per_id, tf.float32)

    def call(self, features: Features, training: bool = False) -> Tensor:
        """Return the loss in training, the scores `[B]` of the targets otherwise."""
        return self.model.training_loss(features) if training else self.model(features, training=False)

    def compute_loss(
        self, x: Features, y: Any, y_pred: Tensor, sample_weight: Any = None, training: bool = True
    ) -> Tensor:
        """Return `y_pred`, what `call` returned in training: this replica's share of the loss, a float32 scalar."""
        return y_pred

    def begin_epoch(self, epoch: int) -> None:
        """Let the matcher prepare the epoch."""
        self.model.on_epoch_begin(epoch)

    def end_epoch(self, epoch: int) -> None:
        """Let the matcher finish the epoch."""
        self.model.on_epoch_end(epoch)

    def validate(self, validation: Split, batch_size: int, by_length: bool = False) -> dict[str, float]:
        """Return `recall_N` and `ndcg_N`, means over the positives of the split, each ranked among all items.

        Items in the history of an example are not ranked, and an example whose target is among them is ignored. Items
        that share an id, such as all items unseen in training, tie: if they counted as one item, retrieving any of them
        would retrieve all of them. A target whose id no item has is not retrieved. `pipeline/evaluation/matchers.py`
        measures what a user receives; this is cheaper and as good for comparing two epochs.
        """
        items = self._encode_all_items()
        rows = len(items)
        batch = max(1, min(batch_size, MAX_SCORES // rows))
        batches = validation.steps(batch)
        max_batches = max(MAX_SCORES_PER_EPOCH // rows, MIN_POSITIVES) // batch + 1
        stride = max(1, -(-batches // max_batches))
        sample = validation.in_order(batch, by_length).shard(stride, 0)
        ranks = np.concatenate([self._ranks(features, items).numpy() for features, _, _ in sample])
        return retrieval_metrics(ranks[ranks >= 0])

    def _encode_all_items(self) -> tf.Tensor:
        """Return the vectors of all item ids, `[item_rows, d]`."""
        rows = len(self._items[ITEM])
        parts = [
            self._encode({name: values[start : start + ENCODING_BATCH] for name, values in self._items.items()})
            for start in range(0, rows, ENCODING_BATCH)
        ]
        return tf.concat(parts, axis=0)

    @tf.function(reduce_retracing=True, autograph=False)
    def _encode(self, items: dict[str, tf.Tensor]) -> tf.Tensor:
        return tf.cast(self.model.encode_items(items, training=False), tf.float32)

    @tf.function(reduce_retracing=True, autograph=False)
    def _ranks(self, features: dict[str, tf.Tensor], items: tf.Tensor) -> tf.Tensor:
        """Return how many items rank before each target, float `[B]`, half of those that tie; -1 for no target."""
        scores = self.model.score(self.model.encode_user(features, training=False), items)
        history, target = features[HISTORY_ITEM], features[ITEM]
        row = tf.repeat(tf.range(tf.shape(history)[0], dtype=tf.int64), tf.shape(history)[1])
        positions = tf.stack([row, tf.reshape(history, [-1])], axis=1)
        scores = tf.tensor_scatter_nd_update(scores, positions, tf.fill([tf.shape(positions)[0]], -np.inf))
        target_scores = tf.gather(scores, target, batch_dims=1)[:, tf.newaxis]
        above = tf.linalg.matvec(tf.cast(scores > target_scores, tf.float32), self._items_per_id)
        tied = tf.linalg.matvec(tf.cast(scores == target_scores, tf.float32), self._items_per_id) - 1.0
        ranks = tf.where(tf.gather(self._items_per_id, target) > 0.0, above + tied // 2.0, np.inf)
        return tf.where(tf.math.is_inf(target_scores[:, 0]), -1.0, ranks)


def target_counts(training: Split) -> np.ndarray:
    """Return in how many examples of a split of positives each item id is the target, int64 `[item_rows]`."""
    counts = np.zeros(training.inputs.item_rows, np.int64)
    for features, _, _ in training.in_order(ENCODING_BATCH):
        counts += np.bincount(features[ITEM].numpy(), minlength=len(counts))
    return counts
