"""The transformer block equals Keras's layers, and masked tokens have no influence."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from interestflow.models.layers.attention.transformer_block import TransformerBlock
from tests.models.support.random_features import move_weights


def build_block() -> TransformerBlock:
    keras.utils.set_random_seed(3)
    block = TransformerBlock(4, heads=2)
    block.build()
    move_weights(block, scale=0.2, seed=3)
    return block


TOKENS = np.random.default_rng(4).normal(size=(5, 3, 4)).astype(np.float32)
MASK = np.array([[0, 1, 1], [0, 0, 1], [1, 0, 1], [0, 1, 0], [1, 1, 1]], bool)


def test_it_equals_layers_of_keras() -> None:
    """Keras's attention over all tokens, with the same weights, and its normalization; the last token is read."""
    block = build_block()
    attention = keras.layers.MultiHeadAttention(2, 2, use_bias=False)
    tokens = ops.transpose(TOKENS, (1, 0, 2))
    attention.build(tokens.shape, tokens.shape)
    attention.set_weights(
        [ops.reshape(dense.kernel, (4, 2, 2)) for dense in (block.query, block.key, block.value)]
        + [ops.reshape(block.joined_heads.kernel, (2, 2, 4))]
    )
    tokens = tokens + attention(tokens, tokens, attention_mask=MASK.T[:, None])
    tokens = ops.layer_normalization(tokens, block.first_norm.gamma, block.first_norm.beta, axis=-1, epsilon=1e-3)
    tokens = tokens + block.outer(block.inner(tokens))
    tokens = ops.layer_normalization(tokens, block.last_norm.gamma, block.last_norm.beta, axis=-1, epsilon=1e-3)
    np.testing.assert_allclose(block(TOKENS, MASK), tokens[:, -1], atol=1e-5)


def test_masked_tokens_have_no_influence() -> None:
    block, other_tokens = build_block(), np.where(MASK[..., None], TOKENS, 99.0).astype(np.float32)
    np.testing.assert_array_equal(block(other_tokens, MASK), block(TOKENS, MASK))
    assert np.abs(np.asarray(block(TOKENS)) - np.asarray(block(TOKENS, MASK))).max() > 1e-3


def test_heads_that_do_not_divide_the_width_are_rejected() -> None:
    with pytest.raises(ValueError, match="`heads` should divide the width, 5, received 2"):
        TransformerBlock(5, heads=2)
