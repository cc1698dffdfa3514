"""A matcher with what training needs around it: its loss, and how well it finds what the validation split holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from interestflow.models.catalogue import Catalogue
from interestflow.models.matchers.base import Matcher
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.training_model import TrainingModel
from interestflow.transforms.feature_names import HISTORY_ITEM, ITEM

CUTOFFS = (10, 50)
ENCODED_AT_ONCE = 8192
"""Items."""
SCORES = 2**25
"""Held at once: 128 MB."""
SCORES_AN_EPOCH = 2**32
"""Of a validation split that needs more, evenly spaced batches are looked at, of `LEAST_POSITIVES` at least."""
LEAST_POSITIVES = 2000


class MatcherTraining(TrainingModel):
    """Trains a matcher by the gradient of its `training_loss`, whose shares of all replicas add up.

    Args:
        model: a matcher.
        catalogue: of the items that validation ranks.
        sharing: `[item_rows]`, how many items have each number; padding's 0 none.
    """

    DEFAULT_METRIC: ClassVar[str] = "ndcg_50"
    SHOWN: ClassVar[Mapping[str, str]] = {"recall_50": "validation recall@50", "ndcg_50": "validation NDCG@50"}
    UNDEFINED: ClassVar[str] = "it should have a positive of an item that is not in its user's history"

    def __init__(self, model: Matcher, catalogue: Catalogue, sharing: np.ndarray) -> None:
        super().__init__(model)
        self._items = catalogue.tensors
        self._sharing = tf.constant(sharing, tf.float32)

    def call(self, features: dict[str, Any], training: bool = False) -> Any:
        """The loss in training, the scores `[B]` of the targets otherwise."""
        return self.model.training_loss(features) if training else self.model(features, training=False)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """What `call` gave in training: this replica's share, a float32 scalar."""
        return y_pred

    def begin_epoch(self, epoch: int) -> None:
        self.model.on_epoch_begin(epoch)

    def end_epoch(self, epoch: int) -> None:
        self.model.on_epoch_end(epoch)

    def validate(self, validation: Split, batch_size: int, by_length: bool = False) -> dict[str, float]:
        """`recall_N` and `ndcg_N`, means over the positives of the split, each ranked among all items.

        What is in the history of an example is not ranked, and an example whose own target is there counts for
        nothing. Items that share a number, such as all that training did not meet, tie: as one item, to find any of
        them would be to find each. A target whose number no item has is not found.
        `pipeline/evaluation/matchers.py` measures what a user gets; this is cheaper and as good to compare two epochs
        by.
        """
        items = self._encoded_items()
        rows = len(items)
        batch = max(1, min(batch_size, SCORES // rows))
        batches = validation.steps(batch)
        looked_at = max(SCORES_AN_EPOCH // rows, LEAST_POSITIVES) // batch + 1
        every = max(1, -(-batches // looked_at))
        looked = validation.in_order(batch, by_length).shard(every, 0)
        found = [self._ranks(features, items).numpy() for features, _, _ in looked]
        ranks = np.concatenate(found)
        return rank_figures(ranks[ranks >= 0])

    def _encoded_items(self) -> tf.Tensor:
        rows = len(self._items[ITEM])
        parts = [
            self._encode({name: values[start : start + ENCODED_AT_ONCE] for name, values in self._items.items()})
            for start in range(0, rows, ENCODED_AT_ONCE)
        ]
        return tf.concat(parts, axis=0)

    @tf.function(reduce_retracing=True, autograph=False)
    def _encode(self, items: dict[str, tf.Tensor]) -> tf.Tensor:
        return tf.cast(self.model.encode_items(items, training=False), tf.float32)

    @tf.function(reduce_retracing=True, autograph=False)
    def _ranks(self, features: dict[str, tf.Tensor], items: tf.Tensor) -> tf.Tensor:
        """How many items stand before each row's target, half of those that tie, float `[B]`; -1 for no target."""
        scores = self.model.score(self.model.encode_user(features, training=False), items)
        history, target = features[HISTORY_ITEM], features[ITEM]
        row = tf.repeat(tf.range(tf.shape(history)[0], dtype=tf.int64), tf.shape(history)[1])
        places = tf.stack([row, tf.reshape(history, [-1])], axis=1)
        scores = tf.tensor_scatter_nd_update(scores, places, tf.fill([tf.shape(places)[0]], -np.inf))
        own = tf.gather(scores, target, batch_dims=1)[:, tf.newaxis]
        above = tf.linalg.matvec(tf.cast(scores > own, tf.float32), self._sharing)
        tied = tf.linalg.matvec(tf.cast(scores == own, tf.float32), self._sharing) - 1.0
        ranks = tf.where(tf.gather(self._sharing, target) > 0.0, above + tied // 2.0, np.inf)
        return tf.where(tf.math.is_inf(own[:, 0]), -1.0, ranks)


def rank_figures(ranks: np.ndarray) -> dict[str, float]:
    """`recall_N` and `ndcg_N` for N in `CUTOFFS`, of targets that each have a list of their own; NaN without any.

    Args:
        ranks: how many items stand before each target, `[R]`.
    """
    figures = {}
    for cutoff in CUTOFFS:
        hit = ranks < cutoff
        gains = np.where(hit, 1.0 / np.log2(np.where(hit, ranks, 0) + 2.0), 0.0)
        figures[f"recall_{cutoff}"] = float(hit.mean()) if len(ranks) else float("nan")
        figures[f"ndcg_{cutoff}"] = float(gains.mean()) if len(ranks) else float("nan")
    return figures


def target_counts(training: Split) -> np.ndarray:
    """In how many examples of a split of positives each item is the target, int64 `[item_rows]`."""
    counts = np.zeros(training.inputs.item_rows, np.int64)
    for features, _, _ in training.in_order(ENCODED_AT_ONCE):
        counts += np.bincount(features[ITEM].numpy(), minlength=len(counts))
    return counts
