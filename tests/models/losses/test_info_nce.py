"""The contrastive loss by hand, and masked channels."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.losses.info_nce import info_nce


def test_by_hand() -> None:
    """One channel of two orthogonal rows: a pair's cosine is 1, that of others 0; the temperature is 0.5."""
    views = np.array([[[1.0, 0.0]], [[0.0, 3.0]]], np.float32)
    mask = np.ones((2, 1), bool)
    np.testing.assert_allclose(info_nce(views, views, 0.5, mask), np.log(1 + np.exp(-2.0)), rtol=1e-5)
    np.testing.assert_allclose(info_nce(views, views[::-1], 0.5, mask), np.log(1 + np.exp(2.0)), rtol=1e-5)


def test_constant_views_cost_the_logarithm_of_the_batch_size() -> None:
    same = np.ones((8, 3, 4), np.float32)
    np.testing.assert_allclose(info_nce(same, same, 0.05, np.ones((8, 3), bool)), np.log(8), rtol=1e-5)


def test_masked_channels_are_neither_pairs_nor_negatives() -> None:
    views = np.random.default_rng(1).normal(size=(6, 2, 4)).astype(np.float32)
    mask = np.ones((6, 2), bool)
    mask[4:] = False
    garbage = views.copy()
    garbage[4:] = 99.0
    expected = info_nce(views[:4], views[:4], 0.5, mask[:4])
    np.testing.assert_allclose(info_nce(garbage, garbage, 0.5, mask), expected, rtol=1e-5)
    assert float(info_nce(views, views, 0.5, np.zeros((6, 2), bool))) == 0.0


def test_an_empty_batch_costs_nothing() -> None:
    empty = np.zeros((0, 2, 4), np.float32)
    assert float(info_nce(empty, empty, 0.5, np.zeros((0, 2), bool))) == 0.0


@pytest.mark.parametrize("parts", [[3, 3], [3, 3, 1]], ids=["equal", "smaller last part"])
def test_large_batches_are_contrasted_part_by_part(parts: list[int]) -> None:
    random = np.random.default_rng(2)
    first, second = random.normal(size=(2, sum(parts), 2, 4)).astype(np.float32)
    mask = random.random((sum(parts), 2)) < 0.7
    ends = np.cumsum(parts)[:-1]
    by_part = zip(*(np.split(array, ends) for array in (first, second, mask)), strict=True)
    by_hand = sum(float(info_nce(f, s, 0.5, t)) * t.sum() for f, s, t in by_part) / mask.sum()
    np.testing.assert_allclose(info_nce(first, second, 0.5, mask, max_rows=3), by_hand, rtol=1e-5)
    # In training the number of rows is unknown to the graph.
    shapes = [tf.TensorSpec((None, 2, 4)), tf.TensorSpec((None, 2, 4)), tf.TensorSpec((None, 2), tf.bool)]
    traced = tf.function(lambda f, s, t: info_nce(f, s, 0.5, t, max_rows=3), input_signature=shapes)
    np.testing.assert_allclose(traced(first, second, mask), by_hand, rtol=1e-5)
