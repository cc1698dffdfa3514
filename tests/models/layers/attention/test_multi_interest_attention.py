"""Several interests of one history, computed by hand."""

from __future__ import annotations

import numpy as np

from interestflow.models.layers.attention.multi_interest_attention import MultiInterestAttention


def build_layer() -> MultiInterestAttention:
    """Build two heads that score the two coordinates of behaviours [.., 2], without position embeddings."""
    layer = MultiInterestAttention(2, 2, 3, units=2)
    layer.build((None, None, 2))
    layer.encoding.table.assign(np.zeros((4, 2)))
    layer.hidden.kernel.assign(np.eye(2))
    layer.heads.kernel.assign(100.0 * np.eye(2))
    return layer


HISTORY = np.array([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]], np.float32)
MASK = np.array([[True, True, False]])


def test_each_head_attends_to_what_it_scores_highest() -> None:
    """Head 0 gives the first behaviour e^(100 tanh 1) times the weight of the second, head 1 the reverse."""
    np.testing.assert_allclose(build_layer()(HISTORY, MASK), [[[1.0, 0.0], [0.0, 1.0]]], atol=1e-6)


def test_heads_that_score_all_alike_return_the_mean() -> None:
    layer = build_layer()
    layer.heads.kernel.assign(np.zeros((2, 2)))
    np.testing.assert_allclose(layer(HISTORY, MASK), [[[0.5, 0.5], [0.5, 0.5]]], atol=1e-6)


def test_an_empty_history_has_interests_of_zeros() -> None:
    np.testing.assert_array_equal(build_layer()(HISTORY, np.zeros((1, 3), bool)), np.zeros((1, 2, 2)))


def test_positions_are_counted_from_the_newest_and_are_no_part_of_the_values() -> None:
    """Position 1 is the newest of both rows, whatever their lengths; it has all weight and adds nothing."""
    layer = build_layer()
    layer.heads.kernel.assign([[100.0, 100.0], [0.0, 0.0]])
    layer.encoding.table.assign([[0.0, 0.0], [5.0, 0.0], [-5.0, 0.0], [-5.0, 0.0]])
    history = np.array([[[0.0, 1.0], [0.0, 2.0], [0.0, 3.0]]] * 2, np.float32)
    result = layer(history, np.array([[True, True, False], [True, True, True]]))
    np.testing.assert_allclose(result, [[[0.0, 2.0]] * 2, [[0.0, 3.0]] * 2], atol=1e-5)
