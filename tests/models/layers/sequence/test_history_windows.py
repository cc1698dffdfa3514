"""Histories of two and four of four steps, in exact rows."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from interestflow.models.layers.sequence.history_windows import newest_behaviours, newest_features, older_behaviours

ITEMS = np.array([[5, 6, 0, 0], [1, 2, 3, 4]])


def test_the_newest_steps_end_at_the_last_place() -> None:
    tags = np.stack([ITEMS, 10 * ITEMS], axis=-1)
    features = {"history_item": ITEMS, "history_tags": tags, "item": np.array([8, 9])}
    moved, known = newest_features({name: tf.constant(value) for name, value in features.items()}, 3)
    assert set(moved) == {"history_item", "history_tags"}
    assert known.numpy().tolist() == [[False, True, True], [True, True, True]]
    items = np.where(known, moved["history_item"], 0)
    assert items.tolist() == [[0, 5, 6], [2, 3, 4]]
    np.testing.assert_array_equal(moved["history_tags"][..., 1], 10 * moved["history_item"])


def test_more_steps_than_the_history_has_places() -> None:
    moved, known = newest_features({"history_item": tf.constant(ITEMS)}, 6)
    assert np.where(known, moved["history_item"], 0).tolist() == [[0, 0, 0, 0, 5, 6], [0, 0, 1, 2, 3, 4]]


def parts(count: int) -> tuple[list[list[int]], list[list[int]]]:
    """The newest `count` behaviours of both histories and the others, 0 where masked."""
    steps, mask = tf.constant(ITEMS[..., None], tf.float32), tf.constant(ITEMS != 0)
    both = newest_behaviours(steps, mask, count), older_behaviours(steps, mask, count)
    newest, others = (np.where(there, found[..., 0], 0).tolist() for found, there in both)
    return newest, others


def test_a_history_in_two_parts() -> None:
    assert parts(1) == ([[6], [4]], [[5, 0, 0], [1, 2, 3]])
    assert parts(3) == ([[5, 6, 0], [2, 3, 4]], [[0], [1]])


def test_all_of_it_is_new() -> None:
    """The others keep a place, of nothing, so that there is something to attend to."""
    assert parts(4) == ([[5, 6, 0, 0], [1, 2, 3, 4]], [[0], [0]])
    assert parts(6) == ([[5, 6, 0, 0, 0, 0], [1, 2, 3, 4, 0, 0]], [[0], [0]])


def test_padding_at_the_start() -> None:
    """The newest behaviour is at the last position of every row."""
    behaviours, mask = tf.constant(ITEMS[..., None], tf.float32), tf.constant(ITEMS != 0)
    newest, is_there = newest_behaviours(behaviours, mask, 3, padding="start")
    np.testing.assert_array_equal(newest[..., 0], [[0, 5, 6], [2, 3, 4]])
    np.testing.assert_array_equal(is_there, [[False, True, True], [True, True, True]])
