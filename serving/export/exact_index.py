"""All items in memory, searched exactly: every item is scored for every interest of a user."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


class ExactIndex(tf.Module):
    """Item ids and vectors, part of the SavedModel that searches them.

    An item is scored by the interest that it fits best, as `Matcher.score` does: with the best interest of each item
    kept first and the best items second, the lists of the interests are merged and no item is there twice. Of the
    search, all but the matrix product is cheap.

    Args:
        ids: as in the logs, UTF-8 `[N]`, each once.
        vectors: float32 `[N, d]`.
    """

    def __init__(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        super().__init__(name="exact_index")
        # Variables, since a graph that holds its index as constants may not have more than 2 GB. A column an item: the
        # product is then faster by a fifth.
        self._ids = tf.Variable(tf.constant(list(ids), tf.string), trainable=False, name="item_ids")
        self._vectors = tf.Variable(np.ascontiguousarray(vectors.T), trainable=False, name="item_vectors")

    def search(self, users: tf.Tensor, history: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The best items of all for each user, those in its history left out.

        Args:
            users: interests, float32 `[U, K, d]`.
            history: ids, string `[U, L]`, padded with "".
            k: how many for each user, int32 `[U]`.

        Returns:
            Ids, string, and scores, float32, both `[U, min(max(k), N)]`, the best first, equal ones in the order of the
            index; where a user wants fewer, or there are no more, an id is "" and its score 0.
        """
        shape = tf.shape(users)
        products = tf.matmul(tf.reshape(users, [-1, shape[2]]), self._vectors)
        scores = tf.reduce_max(tf.reshape(products, [shape[0], shape[1], -1]), axis=1)
        count = tf.shape(self._vectors)[1]
        wanted = tf.minimum(tf.maximum(tf.reduce_max(k), 0), count)
        # However much of the history is among the best, enough are left.
        best, places = tf.math.top_k(scores, tf.minimum(wanted + tf.shape(history)[1], count))
        items = tf.gather(self._ids, places)
        is_seen = tf.reduce_any(items[:, :, tf.newaxis] == history[:, tf.newaxis, :], axis=2)
        best, order = tf.math.top_k(tf.where(is_seen, -np.inf, best), wanted)
        items = tf.gather(items, order, batch_dims=1)
        is_there = tf.logical_and(best > -np.inf, tf.range(wanted)[tf.newaxis, :] < k[:, tf.newaxis])
        return tf.where(is_there, items, ""), tf.where(is_there, best, 0.0)
