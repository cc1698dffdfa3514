"""One token of a block, against Keras's own layers, and what is not there."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from interestflow.models.layers.attention.transformer_block import TransformerBlock


def block() -> TransformerBlock:
    keras.utils.set_random_seed(3)
    made = TransformerBlock(4, heads=2)
    made.build()
    random = np.random.default_rng(3)
    for weight in made.trainable_variables:
        weight.assign(weight.numpy() + random.normal(0.0, 0.2, weight.shape))
    return made


TOKENS = np.random.default_rng(4).normal(size=(5, 3, 4)).astype(np.float32)
THERE = np.array([[0, 1, 1], [0, 0, 1], [1, 0, 1], [0, 1, 0], [1, 1, 1]], bool)


def test_against_keras() -> None:
    """Its attention over all tokens with the same weights, its normalisation, of which the last token is read."""
    made = block()
    attention = keras.layers.MultiHeadAttention(2, 2, use_bias=False)
    tokens = ops.transpose(TOKENS, (1, 0, 2))
    attention.build(tokens.shape, tokens.shape)
    attention.set_weights(
        [ops.reshape(dense.kernel, (4, 2, 2)) for dense in (made.query, made.key, made.value)]
        + [ops.reshape(made.joined_heads.kernel, (2, 2, 4))]
    )
    tokens = tokens + attention(tokens, tokens, attention_mask=THERE.T[:, None])
    tokens = ops.layer_normalization(tokens, made.first_norm.gamma, made.first_norm.beta, axis=-1, epsilon=1e-3)
    tokens = tokens + made.outer(made.inner(tokens))
    tokens = ops.layer_normalization(tokens, made.last_norm.gamma, made.last_norm.beta, axis=-1, epsilon=1e-3)
    np.testing.assert_allclose(made(TOKENS, THERE), tokens[:, -1], atol=1e-5)


def test_what_is_not_there_is_not_looked_at() -> None:
    made, others = block(), np.where(THERE[..., None], TOKENS, 99.0).astype(np.float32)
    np.testing.assert_array_equal(made(others, THERE), made(TOKENS, THERE))
    assert np.abs(np.asarray(made(TOKENS)) - np.asarray(made(TOKENS, THERE))).max() > 1e-3


def test_heads_divide_the_width() -> None:
    with pytest.raises(ValueError, match="`heads` should divide the width, 5, received 2"):
        TransformerBlock(5, heads=2)
