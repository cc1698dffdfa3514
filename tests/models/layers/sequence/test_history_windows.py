"""Recent and earlier windows of histories with two and four behaviours, padded to four."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from interestflow.models.layers.sequence.history_windows import newest_behaviours, newest_features, older_behaviours

ITEMS = np.array([[5, 6, 0, 0], [1, 2, 3, 4]])


def test_the_newest_behaviours_end_at_the_last_position() -> None:
    tags = np.stack([ITEMS, 10 * ITEMS], axis=-1)
    features = {"history_item": ITEMS, "history_tags": tags, "item": np.array([8, 9])}
    newest, mask = newest_features({name: tf.constant(value) for name, value in features.items()}, 3)
    assert set(newest) == {"history_item", "history_tags"}
    assert mask.numpy().tolist() == [[False, True, True], [True, True, True]]
    items = np.where(mask, newest["history_item"], 0)
    assert items.tolist() == [[0, 5, 6], [2, 3, 4]]
    np.testing.assert_array_equal(newest["history_tags"][..., 1], 10 * newest["history_item"])


def test_more_behaviours_than_the_history_has_room_for() -> None:
    newest, mask = newest_features({"history_item": tf.constant(ITEMS)}, 6)
    assert np.where(mask, newest["history_item"], 0).tolist() == [[0, 0, 0, 0, 5, 6], [0, 0, 1, 2, 3, 4]]


def split(count: int) -> tuple[list[list[int]], list[list[int]]]:
    """Return the newest `count` behaviours of both histories and the older ones, 0 where masked."""
    steps, mask = tf.constant(ITEMS[..., None], tf.float32), tf.constant(ITEMS != 0)
    pairs = newest_behaviours(steps, mask, count), older_behaviours(steps, mask, count)
    newest, older = (np.where(valid, part[..., 0], 0).tolist() for part, valid in pairs)
    return newest, older


def test_newest_and_older_behaviours() -> None:
    assert split(1) == ([[6], [4]], [[5, 0, 0], [1, 2, 3]])
    assert split(3) == ([[5, 6, 0], [2, 3, 4]], [[0], [1]])


def test_without_older_behaviours_one_masked_position_remains() -> None:
    """There is always a position to attend to."""
    assert split(4) == ([[5, 6, 0, 0], [1, 2, 3, 4]], [[0], [0]])
    assert split(6) == ([[5, 6, 0, 0, 0, 0], [1, 2, 3, 4, 0, 0]], [[0], [0]])


def test_padding_at_the_start() -> None:
    """The newest behaviour is at the last position of every row."""
    behaviours, mask = tf.constant(ITEMS[..., None], tf.float32), tf.constant(ITEMS != 0)
    newest, is_valid = newest_behaviours(behaviours, mask, 3, padding="start")
    np.testing.assert_array_equal(newest[..., 0], [[0, 5, 6], [2, 3, 4]])
    np.testing.assert_array_equal(is_valid, [[False, True, True], [True, True, True]])
