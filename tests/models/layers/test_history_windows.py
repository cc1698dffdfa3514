"""Histories of two and four of four steps, in exact rows."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models.layers.history_windows import newest_steps, windows

ITEMS = np.array([[5, 6, 0, 0], [1, 2, 3, 4]])


def test_the_newest_steps_end_at_the_last_place() -> None:
    tags = np.stack([ITEMS, 10 * ITEMS], axis=-1)
    features = {"history_item": ITEMS, "history_tags": tags, "item": np.array([8, 9])}
    moved, known = newest_steps({name: tf.constant(value) for name, value in features.items()}, 3)
    assert set(moved) == {"history_item", "history_tags"}
    assert known.numpy().tolist() == [[False, True, True], [True, True, True]]
    items = np.where(known, moved["history_item"], 0)
    assert items.tolist() == [[0, 5, 6], [2, 3, 4]]
    np.testing.assert_array_equal(moved["history_tags"][..., 1], 10 * moved["history_item"])


def test_more_steps_than_the_history_has_places() -> None:
    moved, known = newest_steps({"history_item": tf.constant(ITEMS)}, 6)
    assert np.where(known, moved["history_item"], 0).tolist() == [[0, 0, 0, 0, 5, 6], [0, 0, 1, 2, 3, 4]]


def test_windows_overlap_and_are_in_order() -> None:
    assert np.asarray(windows(tf.constant(ITEMS), 3)).tolist() == [[[5, 6, 0], [6, 0, 0]], [[1, 2, 3], [2, 3, 4]]]
    assert windows(tf.zeros((2, 4, 7)), 2).shape == (2, 3, 2, 7)
