"""Tokens that look at others: weights by hand, masks, and a lone token."""

from __future__ import annotations

import numpy as np

from interestflow.models.layers.attention.cross_attention import CrossAttention


def plain(single_token: bool = False) -> CrossAttention:
    """Projections that change nothing, so that the products can be read off."""
    layer = CrossAttention(2, single_token)
    layer.build((None, None, 2), (None, 1 if single_token else None, 2))
    for weight in layer.weights:
        weight.assign(np.eye(2))
    return layer


QUERIES = np.array([[[1.0, 0.0]]], np.float32)
TOKENS = np.array([[[2.0, 1.0], [0.0, 4.0], [9.0, 9.0]]], np.float32)


def test_by_hand() -> None:
    """Scores 2 and 0, over the root of 2; the third token is masked out."""
    weight = 1 / (1 + np.exp(-2 / np.sqrt(2)))
    expected = weight * TOKENS[0, 0] + (1 - weight) * TOKENS[0, 1]
    found = plain()(QUERIES, TOKENS, mask=np.array([[True, True, False]]))
    np.testing.assert_allclose(found, [[expected]], rtol=1e-6)


def test_where_nothing_is_there_nothing_comes() -> None:
    np.testing.assert_array_equal(plain()(QUERIES, TOKENS, mask=np.zeros((1, 3), bool)), np.zeros((1, 1, 2)))


def test_a_lone_token_is_seen_whole_and_needs_no_scores() -> None:
    layer = plain(single_token=True)
    assert len(layer.weights) == 1
    queries = np.concatenate([QUERIES, -QUERIES], axis=1)
    np.testing.assert_array_equal(layer(queries, TOKENS[:, :1]), [[TOKENS[0, 0], TOKENS[0, 0]]])
