"""Losses of rankers, which learn from labelled examples."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from interestflow.models.layers.embedding.gather import gather_rows
from interestflow.models.replicas import gather_over_replicas
from interestflow.models.tensor import Shape, Tensor


def masked_binary_cross_entropy(labels: Tensor, logits: Tensor, weights: Tensor | None = None) -> Tensor:
    """Compute the mean sigmoid cross-entropy over the labelled examples of a batch.

    Args:
        labels: [B], 0 or 1.
        logits: [B].
        weights: [B], 1 where there is a label and 0 elsewhere; without them, every example has a label.

    Returns:
        A float32 scalar, in nats; 0 if no example is labelled.

    Example:

    >>> labels, logits = ops.array([1.0, 0.0, 1.0]), ops.array([0.0, 0.0, -9.0])
    >>> round(float(masked_binary_cross_entropy(labels, logits, ops.array([1.0, 1.0, 0.0]))), 4)
    0.6931
    """
    labels, logits = ops.cast(labels, "float32"), ops.cast(logits, "float32")
    entropy = ops.binary_crossentropy(labels, logits, from_logits=True)
    if weights is None:
        return ops.mean(entropy)
    weights = ops.cast(weights, "float32")
    return ops.sum(entropy * weights) / ops.maximum(ops.sum(weights), 1.0)


@keras.saving.register_keras_serializable(package="interestflow")
class MiniBatchAwareL2(keras.layers.Layer):
    """L2 regularizer on the embeddings that a batch uses, each weighted by how rare it is.

    `(strength / 2) * sum over the distinct ids j of the batch of |w_j|^2 / n_j`, where `n_j` is the number of training
    instances that contain id j. The gradient is `strength * w_j / n_j` for the ids of the batch and none for others.

    The sum over distinct ids is taken over sorted occurrences, of which only the first of each id counts: the cost
    grows with the batch, not with the table. Id 0, padding, does not count. With several replicas the batch is the
    global one, and each replica computes its whole loss.

    Args:
        strength: the paper's lambda, 0.01 on its Alibaba data.
        rows: rows of the table, including row 0 for padding.
        counts: [rows], `n_j`; ids that were never counted are taken as counted once. Without counts, ones, to be
            replaced by loading weights.

    Example:

    >>> penalty = MiniBatchAwareL2(strength=1.0, rows=3, counts=np.array([0.0, 4.0, 1.0], np.float32))
    >>> table = keras.Variable([[0.0], [2.0], [5.0]])
    >>> float(penalty(ops.array([1, 1, 0]), table))  # 1 / 2 * 2^2 / 4
    0.5

    Reference:
        Deep Interest Network (arXiv 1706.06978), section 5.1.
    """

    def __init__(self, strength: float, rows: int, counts: Tensor | None = None, **kwargs: Any) -> None:
        """Store the counts, which `build` assigns to a weight."""
        # In half precision Keras would cast the whole table before the call.
        super().__init__(**{"dtype": "float32", **kwargs})
        if strength <= 0.0:
            raise ValueError(f"`strength` should be more than 0, received {strength}")
        if counts is not None and tuple(ops.shape(counts)) != (rows,):
            raise ValueError(f"`counts` should have shape ({rows},), received {tuple(ops.shape(counts))}")
        self.strength = strength
        self.rows = rows
        self._initial_counts: np.ndarray | None = None if counts is None else ops.convert_to_numpy(counts)

    def build(self, *_: Shape) -> None:
        """Create the weight of the counts [rows]."""
        self.counts = self.add_weight(
            name="counts", shape=(self.rows,), initializer="ones", trainable=False, dtype="float32", autocast=False
        )
        if self._initial_counts is not None:
            self.counts.assign(self._initial_counts)

    def call(self, ids: Tensor, table: keras.Variable) -> Tensor:
        """Compute the loss, a float32 scalar, of a batch's ids int [N], which may repeat, on `table` [rows, d]."""
        ordered = ops.sort(gather_over_replicas(ids))
        is_first = ops.concatenate([ops.ones_like(ordered[:1], dtype="bool"), ordered[1:] != ordered[:-1]], axis=0)
        is_first = ops.logical_and(is_first, ordered > 0)
        rarity = ops.cast(is_first, "float32") / ops.maximum(gather_rows(self.counts, ordered), 1.0)
        squares = ops.sum(ops.square(gather_rows(table, ordered)), axis=-1)
        return 0.5 * self.strength * ops.sum(rarity * squares)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments but the counts, which are saved with the weights."""
        return {**super().get_config(), "strength": self.strength, "rows": self.rows}
