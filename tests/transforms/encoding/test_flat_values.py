"""Flat values and the rows that they come from."""

from __future__ import annotations

import tensorflow as tf

from interestflow.transforms.encoding.flat_values import Rows, encode, newest_of_history, pad_rows, single_value


def rows_of(lengths: list[int]) -> Rows:
    row = [row_index for row_index, length in enumerate(lengths) for _ in range(length)]
    return Rows.from_indices(tf.constant(row, tf.int64), tf.constant(len(lengths), tf.int64))


def test_rows_may_be_empty() -> None:
    rows = rows_of([0, 2, 0, 3, 0])
    assert rows.starts.numpy().tolist() == [0, 0, 2, 2, 5]
    assert rows.limits.numpy().tolist() == [0, 2, 2, 5, 5]


def test_rows_are_cut_at_either_end() -> None:
    flat, rows = tf.constant([1, 2, 3, 4, 5], tf.int64), rows_of([1, 4])
    assert pad_rows(flat, rows.first(2), 2).numpy().tolist() == [[1, 0], [2, 3]]
    assert pad_rows(flat, rows.last(2), 2).numpy().tolist() == [[1, 0], [4, 5]]


def test_rows_of_nothing_are_padding() -> None:
    assert pad_rows(tf.zeros([0], tf.int64), rows_of([0, 0]), 3).numpy().tolist() == [[0, 0, 0], [0, 0, 0]]
    assert pad_rows(tf.zeros([0], tf.int64), rows_of([]), 3).shape == (0, 3)


def test_padding_has_the_shape_of_what_it_pads() -> None:
    flat = tf.constant([[1, 2], [3, 4], [5, 6]], tf.int64)
    assert pad_rows(flat, rows_of([2, 1]), 2).numpy().tolist() == [[[1, 2], [3, 4]], [[5, 6], [0, 0]]]


def test_the_newest_analyzed_is_the_last_of_each_row() -> None:
    rows = rows_of([2, 0, 3])
    assert rows.newest(None).numpy().tolist() == [1, 4]
    assert rows.newest(tf.constant([False, True, True])).numpy().tolist() == [4]


def test_several_features_are_encoded_in_one_call() -> None:
    calls = []

    def length(values: tf.Tensor) -> tf.Tensor:
        calls.append(values.numpy().tolist())
        return tf.cast(tf.strings.length(values), tf.int64)

    history = tf.sparse.from_dense([["aaa", ""], ["b", "cc"]])
    features = {"item": single_value(tf.constant(["a", ""]), None), "history": newest_of_history(history, None, 3)}
    ids = encode(features, length)
    assert ids["item"].numpy().tolist() == [1, 0]
    assert ids["history"].numpy().tolist() == [[3, 0, 0], [1, 2, 0]]
    assert calls == [[b"a", b"", b"aaa", b"b", b"cc"]]
