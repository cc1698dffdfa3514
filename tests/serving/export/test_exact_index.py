"""The best items of hand-computed scores."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from interestflow.serving.export.exact_index import ExactIndex

IDS = np.array([b"a", b"b", b"c", b"d"], object)
VECTORS = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [2.0, -1.0]], np.float32)


@pytest.fixture(scope="module")
def index() -> ExactIndex:
    return ExactIndex(IDS, VECTORS)


def search(index: ExactIndex, users: list, history: list, k: list[int]) -> tuple[list, list]:
    histories = tf.constant(history, tf.string, shape=[len(users), len(history[0]) if history else 0])
    items, scores = index.search(tf.constant(users), histories, tf.constant(k, tf.int32))
    return items.numpy().tolist(), scores.numpy().tolist()


def test_items_score_by_their_best_interest(index: ExactIndex) -> None:
    # By the interests [1, 0] and [0, 3]: a 1 and 0, b 0 and 3, c 0.5 and 1.5, d 2 and -3.
    items, scores = search(index, [[[1.0, 0.0], [0.0, 3.0]]], [[""]], [4])
    assert items == [[b"b", b"d", b"c", b"a"]]
    assert scores == [[3.0, 2.0, 1.5, 1.0]]


def test_items_of_the_history_are_left_out(index: ExactIndex) -> None:
    items, scores = search(index, [[[1.0, 0.0]], [[1.0, 0.0]]], [["d", "unknown"], ["", ""]], [2, 2])
    assert items == [[b"a", b"c"], [b"d", b"a"]]
    assert scores == [[1.0, 0.5], [2.0, 1.0]]


def test_each_user_gets_as_many_as_wanted(index: ExactIndex) -> None:
    items, scores = search(index, [[[1.0, 0.0]]] * 3, [["d"]] * 3, [1, 9, 0])
    assert items == [[b"a", b"", b"", b""], [b"a", b"c", b"b", b""], [b"", b"", b"", b""]]
    assert scores == [[1.0, 0.0, 0.0, 0.0], [1.0, 0.5, 0.0, 0.0], [0.0] * 4]


def test_equal_scores_come_in_the_order_of_the_index() -> None:
    index = ExactIndex(IDS, np.ones([4, 2], np.float32))
    assert search(index, [[[1.0, 1.0]]], [["b"]], [3])[0] == [[b"a", b"c", b"d"]]


def test_a_negative_number_of_items_is_none(index: ExactIndex) -> None:
    assert search(index, [[[1.0, 0.0]]], [[""]], [-1]) == ([[]], [[]])
