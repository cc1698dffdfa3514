"""Histories of two and four of four steps, in exact rows."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from interestflow.models.layers.sequence.history_windows import all_but_newest_of, newest_of, newest_steps

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


def parts(count: int) -> tuple[list[list[int]], list[list[int]]]:
    """The newest `count` behaviours of both histories and the others, 0 where masked."""
    steps, mask = tf.constant(ITEMS[..., None], tf.float32), tf.constant(ITEMS != 0)
    both = newest_of(steps, mask, count), all_but_newest_of(steps, mask, count)
    newest, others = (np.where(there, found[..., 0], 0).tolist() for found, there in both)
    return newest, others


def test_a_history_in_two_parts() -> None:
    assert parts(1) == ([[6], [4]], [[5, 0, 0], [1, 2, 3]])
    assert parts(3) == ([[5, 6, 0], [2, 3, 4]], [[0], [1]])


def test_all_of_it_is_new() -> None:
    """The others keep a place, of nothing, so that there is something to attend to."""
    assert parts(4) == ([[5, 6, 0, 0], [1, 2, 3, 4]], [[0], [0]])
    assert parts(6) == ([[5, 6, 0, 0, 0, 0], [1, 2, 3, 4, 0, 0]], [[0], [0]])
