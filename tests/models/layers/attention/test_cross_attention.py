"""Attention to other tokens: weights by hand, masks, and a single token."""

from __future__ import annotations

import numpy as np

from interestflow.models.layers.attention.cross_attention import CrossAttention


def build_layer(single_token: bool = False) -> CrossAttention:
    """Build the layer with projections that are the identity."""
    layer = CrossAttention(2, single_token)
    layer.build((None, None, 2), (None, 1 if single_token else None, 2))
    for weight in layer.weights:
        weight.assign(np.eye(2))
    return layer


QUERIES = np.array([[[1.0, 0.0]]], np.float32)
TOKENS = np.array([[[2.0, 1.0], [0.0, 4.0], [9.0, 9.0]]], np.float32)


def test_by_hand() -> None:
    """Scores are 2 and 0, divided by the root of 2; the third token is masked."""
    weight = 1 / (1 + np.exp(-2 / np.sqrt(2)))
    expected = weight * TOKENS[0, 0] + (1 - weight) * TOKENS[0, 1]
    result = build_layer()(QUERIES, TOKENS, mask=np.array([[True, True, False]]))
    np.testing.assert_allclose(result, [[expected]], rtol=1e-6)


def test_without_a_valid_token_the_result_is_zero() -> None:
    np.testing.assert_array_equal(build_layer()(QUERIES, TOKENS, mask=np.zeros((1, 3), bool)), np.zeros((1, 1, 2)))


def test_a_single_token_has_weight_1_and_needs_no_scores() -> None:
    layer = build_layer(single_token=True)
    assert len(layer.weights) == 1
    queries = np.concatenate([QUERIES, -QUERIES], axis=1)
    np.testing.assert_array_equal(layer(queries, TOKENS[:, :1]), [[TOKENS[0, 0], TOKENS[0, 0]]])
