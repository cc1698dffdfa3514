"""Exact index of all items in memory: a search scores every item for every interest of a user."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


class ExactIndex(tf.Module):
    """Ids and vectors of items, part of the SavedModel that searches them.

    An item is scored by its best interest, as `Matcher.score` does. The maximum over interests is taken first and the
    best items second, so no item comes twice. Only the matrix product is expensive.

    Args:
        ids: ids as in the logs, UTF-8 `[N]`, each once.
        vectors: vectors of the items, float32 `[N, d]`.
    """

    def __init__(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        """Store ids and vectors as variables."""
        super().__init__(name="exact_index")
        # Variables, since a graph with its index as constants is limited to 2 GB. One column per item makes the product
        # a fifth faster.
        self._ids = tf.Variable(tf.constant(list(ids), tf.string), trainable=False, name="item_ids")
        self._vectors = tf.Variable(np.ascontiguousarray(vectors.T), trainable=False, name="item_vectors")

    def search(self, users: tf.Tensor, history: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the best items of all for each user, except those in its history.

        Args:
            users: interests of the users, float32 `[U, K, d]`.
            history: ids of the users' histories, string `[U, L]`, padded with "".
            k: number of items for each user, int32 `[U]`.

        Returns:
            Ids, string, and scores, float32, both `[U, min(max(k), N)]`, the best first, equal scores in the order of
            the index. Beyond a user's own `k`, and where there are no more items, an id is "" and its score 0.
        """
        shape = tf.shape(users)
        products = tf.matmul(tf.reshape(users, [-1, shape[2]]), self._vectors)
        scores = tf.reduce_max(tf.reshape(products, [shape[0], shape[1], -1]), axis=1)
        count = tf.shape(self._vectors)[1]
        wanted = tf.minimum(tf.maximum(tf.reduce_max(k), 0), count)
        # Enough remain even where the whole history is among the best.
        best, positions = tf.math.top_k(scores, tf.minimum(wanted + tf.shape(history)[1], count))
        items = tf.gather(self._ids, positions)
        is_seen = tf.reduce_any(items[:, :, tf.newaxis] == history[:, tf.newaxis, :], axis=2)
        best, order = tf.math.top_k(tf.where(is_seen, -np.inf, best), wanted)
        items = tf.gather(items, order, batch_dims=1)
        is_result = tf.logical_and(best > -np.inf, tf.range(wanted)[tf.newaxis, :] < k[:, tf.newaxis])
        return tf.where(is_result, items, ""), tf.where(is_result, best, 0.0)
