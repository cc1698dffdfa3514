"""The contrast by hand, and what is not there."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.losses.info_nce import info_nce


def test_by_hand() -> None:
    """One channel, two rows at right angles: each pair's cosine is 1, the other's 0, temperature 0.5."""
    views = np.array([[[1.0, 0.0]], [[0.0, 3.0]]], np.float32)
    there = np.ones((2, 1), bool)
    np.testing.assert_allclose(info_nce(views, views, 0.5, there), np.log(1 + np.exp(-2.0)), rtol=1e-5)
    np.testing.assert_allclose(info_nce(views, views[::-1], 0.5, there), np.log(1 + np.exp(2.0)), rtol=1e-5)


def test_views_that_tell_nothing_cost_the_log_of_the_batch() -> None:
    same = np.ones((8, 3, 4), np.float32)
    np.testing.assert_allclose(info_nce(same, same, 0.05, np.ones((8, 3), bool)), np.log(8), rtol=1e-5)


def test_what_is_not_there_is_no_pair_and_nobodys_other() -> None:
    views = np.random.default_rng(1).normal(size=(6, 2, 4)).astype(np.float32)
    there = np.ones((6, 2), bool)
    there[4:] = False
    garbage = views.copy()
    garbage[4:] = 99.0
    whole = info_nce(views[:4], views[:4], 0.5, there[:4])
    np.testing.assert_allclose(info_nce(garbage, garbage, 0.5, there), whole, rtol=1e-5)
    assert float(info_nce(views, views, 0.5, np.zeros((6, 2), bool))) == 0.0


def test_a_batch_of_nothing_costs_nothing() -> None:
    nothing = np.zeros((0, 2, 4), np.float32)
    assert float(info_nce(nothing, nothing, 0.5, np.zeros((0, 2), bool))) == 0.0


@pytest.mark.parametrize("parts", [[3, 3], [3, 3, 1]], ids=["equal", "the last is smaller"])
def test_large_batches_are_contrasted_part_by_part(parts: list[int]) -> None:
    random = np.random.default_rng(2)
    first, second = random.normal(size=(2, sum(parts), 2, 4)).astype(np.float32)
    there = random.random((sum(parts), 2)) < 0.7
    ends = np.cumsum(parts)[:-1]
    by_part = zip(*(np.split(each, ends) for each in (first, second, there)), strict=True)
    by_hand = sum(float(info_nce(f, s, 0.5, t)) * t.sum() for f, s, t in by_part) / there.sum()
    np.testing.assert_allclose(info_nce(first, second, 0.5, there, max_rows=3), by_hand, rtol=1e-5)
    # As in training, where a graph does not know how many rows will come.
    shapes = [tf.TensorSpec((None, 2, 4)), tf.TensorSpec((None, 2, 4)), tf.TensorSpec((None, 2), tf.bool)]
    traced = tf.function(lambda f, s, t: info_nce(f, s, 0.5, t, max_rows=3), input_signature=shapes)
    np.testing.assert_allclose(traced(first, second, there), by_hand, rtol=1e-5)
