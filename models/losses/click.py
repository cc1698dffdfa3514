"""Losses that rankers share."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.embedding.gather import gather_rows
from interestflow.models.replicas import gather_over_replicas


def masked_binary_cross_entropy(labels: Any, logits: Any, weights: Any | None = None) -> Any:
    """Mean sigmoid cross-entropy over the labelled examples of a batch; 0 where none is labelled.

    Args:
        labels: [B], 0 or 1.
        logits: [B].
        weights: [B], 1 where there is a label and 0 elsewhere; None means that every example has one.

    Returns:
        A float32 scalar.
    """
    labels, logits = ops.cast(labels, "float32"), ops.cast(logits, "float32")
    entropy = ops.binary_crossentropy(labels, logits, from_logits=True)
    if weights is None:
        return ops.mean(entropy)
    weights = ops.cast(weights, "float32")
    return ops.sum(entropy * weights) / ops.maximum(ops.sum(weights), 1.0)


@keras.saving.register_keras_serializable(package="interestflow")
class MiniBatchAwareL2(keras.layers.Layer):
    """The regulariser of DIN, section 5.1: L2 on the rows that a batch uses, each weighted by how rare it is.

    `(strength / 2) * sum over the distinct ids j of the batch of |w_j|^2 / n_j`, where `n_j` is the number of training
    instances that contain id j. Its gradient is `strength * w_j / n_j` for the ids of the batch and none for others.

    The sum over distinct ids is taken over sorted occurrences, of which only the first of each id counts: the cost
    follows the batch, not the table. Id 0, padding, is never counted. With several replicas the batch is the global
    one, and each replica's loss is the whole of it.

    Args:
        strength: the paper's lambda, 0.01 on its Alibaba data.
        rows: rows of the table, padding's row 0 included.
        counts: [rows], `n_j`; ids that were never counted are taken as counted once. None: ones, to be filled by
            loading weights.
    """

    def __init__(self, strength: float, rows: int, counts: Any | None = None, **kwargs: Any) -> None:
        # In half precision Keras would cast the whole table before the call.
        super().__init__(**{"dtype": "float32", **kwargs})
        if strength <= 0.0:
            raise ValueError(f"`strength` should be more than 0, received {strength}")
        if counts is not None and tuple(ops.shape(counts)) != (rows,):
            raise ValueError(f"`counts` should have shape ({rows},), received {tuple(ops.shape(counts))}")
        self.strength = strength
        self.rows = rows
        self._initial_counts = None if counts is None else ops.convert_to_numpy(counts)

    def build(self, *_: Any) -> None:
        self.counts = self.add_weight(
            name="counts", shape=(self.rows,), initializer="ones", trainable=False, dtype="float32", autocast=False
        )
        if self._initial_counts is not None:
            self.counts.assign(self._initial_counts)

    def call(self, ids: Any, table: keras.Variable) -> Any:
        """The loss, a float32 scalar, of the batch's `ids` [N], repeated as they may be, on `table` [rows, d]."""
        ordered = ops.sort(gather_over_replicas(ids))
        first = ops.concatenate([ops.ones_like(ordered[:1], dtype="bool"), ordered[1:] != ordered[:-1]], axis=0)
        first = ops.logical_and(first, ordered > 0)
        rarity = ops.cast(first, "float32") / ops.maximum(gather_rows(self.counts, ordered), 1.0)
        squares = ops.sum(ops.square(gather_rows(table, ordered)), axis=-1)
        return 0.5 * self.strength * ops.sum(rarity * squares)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "strength": self.strength, "rows": self.rows}
