"""Several interests of one history."""

from __future__ import annotations

import numpy as np

from interestflow.models.layers.attention.multi_interest_attention import MultiInterestAttention


def attention() -> MultiInterestAttention:
    """Two heads that look at the two coordinates of behaviours [.., 2], without places."""
    layer = MultiInterestAttention(2, 2, 3, units=2)
    layer.build((None, None, 2))
    layer.encoding.table.assign(np.zeros((4, 2)))
    layer.hidden.kernel.assign(np.eye(2))
    layer.heads.kernel.assign(100.0 * np.eye(2))
    return layer


HISTORY = np.array([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]], np.float32)
MASK = np.array([[True, True, False]])


def test_each_head_draws_what_it_looks_for() -> None:
    """Head 0 gives the first behaviour e^(100 tanh 1) times the second's weight, head 1 the other way round."""
    np.testing.assert_allclose(attention()(HISTORY, MASK), [[[1.0, 0.0], [0.0, 1.0]]], atol=1e-6)


def test_heads_that_see_no_difference_give_the_mean() -> None:
    layer = attention()
    layer.heads.kernel.assign(np.zeros((2, 2)))
    np.testing.assert_allclose(layer(HISTORY, MASK), [[[0.5, 0.5], [0.5, 0.5]]], atol=1e-6)


def test_nothing_gives_zeros() -> None:
    np.testing.assert_array_equal(attention()(HISTORY, np.zeros((1, 3), bool)), np.zeros((1, 2, 2)))


def test_places_are_counted_from_the_newest_and_are_no_part_of_the_values() -> None:
    """Place 1 is the newest of both rows, whatever their lengths; it draws all weight and adds nothing."""
    layer = attention()
    layer.heads.kernel.assign([[100.0, 100.0], [0.0, 0.0]])
    layer.encoding.table.assign([[0.0, 0.0], [5.0, 0.0], [-5.0, 0.0], [-5.0, 0.0]])
    history = np.array([[[0.0, 1.0], [0.0, 2.0], [0.0, 3.0]]] * 2, np.float32)
    found = layer(history, np.array([[True, True, False], [True, True, True]]))
    np.testing.assert_allclose(found, [[[0.0, 2.0]] * 2, [[0.0, 3.0]] * 2], atol=1e-5)
