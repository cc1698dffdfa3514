"""Attention over the history: each kind of score, both normalizations, and padding without influence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interestflow.models.layers.attention.target_attention import TargetAttention

RANDOM = np.random.default_rng(0)
QUERY = RANDOM.normal(size=(3, 4)).astype(np.float32)
KEYS = RANDOM.normal(size=(3, 5, 4)).astype(np.float32)
MASK = np.arange(5) < np.array([5, 2, 0])[:, None]


def attention(score: str, normalization: str = "none", **options: Any) -> TargetAttention:
    """Build the layer with random weights, none of which is zero."""
    layer = TargetAttention(score, normalization, units=(6, 3), return_scores=True, **options)
    layer(QUERY, KEYS, mask=MASK)
    for weight in layer.trainable_variables:
        weight.assign(RANDOM.normal(size=weight.shape))
    return layer


def sigmoid(value: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-value))


def naive_mlp(layer: TargetAttention) -> np.ndarray:
    """Compute scores [B, T] from the four concatenated inputs, as in the authors' code."""
    query = np.broadcast_to(QUERY[:, None], KEYS.shape)
    joined = np.concatenate([query, KEYS, query - KEYS, query * KEYS], axis=-1)
    hidden = sigmoid(joined @ layer.kernel.numpy() + layer.bias.numpy())
    (dense,) = layer.hidden
    hidden = sigmoid(hidden @ dense.kernel.numpy() + dense.bias.numpy())
    scores = (hidden @ layer.last.kernel.numpy())[..., 0]
    return scores + (layer.last.bias.numpy() if layer.last.use_bias else 0.0)


def softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.where(MASK, np.exp(scores), 0.0)
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-30)


def test_mlp_equals_that_of_the_concatenated_inputs() -> None:
    layer = attention("mlp")
    pooled, weights = layer(QUERY, KEYS, mask=MASK)
    expected = np.where(MASK, naive_mlp(layer), 0.0)
    np.testing.assert_allclose(weights, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(pooled, np.einsum("bt,btd->bd", expected, KEYS), rtol=1e-4, atol=1e-5)


def test_mlp_under_softmax_divides_by_the_root_of_the_width() -> None:
    layer = attention("mlp", "softmax")
    _, weights = layer(QUERY, KEYS, mask=MASK)
    np.testing.assert_allclose(weights, softmax(naive_mlp(layer) / 2.0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("normalization", ["none", "softmax"])
def test_dot(normalization: str) -> None:
    _, weights = attention("dot", normalization)(QUERY, KEYS, mask=MASK)
    scores = np.einsum("bd,btd->bt", QUERY, KEYS) / 2.0
    expected = softmax(scores) if normalization == "softmax" else np.where(MASK, scores, 0.0)
    np.testing.assert_allclose(weights, expected, rtol=1e-4, atol=1e-6)


def test_bilinear_takes_a_query_of_another_width() -> None:
    layer = TargetAttention("bilinear", return_scores=True)
    query = RANDOM.normal(size=(3, 2)).astype(np.float32)
    _, weights = layer(query, KEYS, mask=MASK)
    expected = np.einsum("btd,dq,bq->bt", KEYS, layer.kernel.numpy(), query)
    np.testing.assert_allclose(weights, np.where(MASK, expected, 0.0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("score", ["mlp", "bilinear", "dot"])
@pytest.mark.parametrize("normalization", ["none", "softmax"])
def test_padding_has_no_weight_whatever_it_holds(score: str, normalization: str) -> None:
    layer = attention(score, normalization)
    expected, weights = layer(QUERY, KEYS, mask=MASK)
    changed = np.where(MASK[..., None], KEYS, 7.0).astype(np.float32)
    result, changed_weights = layer(QUERY, changed, mask=MASK)
    assert np.all(np.asarray(weights)[~MASK] == 0.0)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(changed_weights, weights, rtol=1e-5, atol=1e-6)
    assert np.all(np.asarray(expected)[2] == 0.0), "without behaviours the result is zero"


@pytest.mark.parametrize("score", ["mlp", "bilinear", "dot"])
@pytest.mark.parametrize("normalization", ["none", "softmax"])
def test_several_queries_of_a_history_are_as_if_one_by_one(score: str, normalization: str) -> None:
    layer = attention(score, normalization)
    queries = RANDOM.normal(size=(3, 2, 4)).astype(np.float32)
    pooled, weights = layer(queries, KEYS, mask=MASK)
    assert (pooled.shape, weights.shape) == ((3, 2, 4), (3, 2, 5))
    for query in range(2):
        expected, expected_weights = layer(queries[:, query], KEYS, mask=MASK)
        np.testing.assert_allclose(pooled[:, query], expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(weights[:, query], expected_weights, rtol=1e-5, atol=1e-6)


def test_values_other_than_the_keys() -> None:
    values = RANDOM.normal(size=(3, 5, 2)).astype(np.float32)
    pooled, weights = attention("dot", "softmax")(QUERY, KEYS, values, mask=MASK)
    np.testing.assert_allclose(pooled, np.einsum("bt,btv->bv", weights, values), rtol=1e-5, atol=1e-6)


def test_without_a_mask_every_position_counts() -> None:
    layer = attention("mlp")
    left, right = layer(QUERY, KEYS), layer(QUERY, KEYS, mask=np.ones((3, 5), bool))
    np.testing.assert_array_equal(left[0], right[0])


def test_weights_are_float32_in_half_precision() -> None:
    pooled, weights = attention("mlp", "softmax", dtype="mixed_float16")(QUERY, KEYS, mask=MASK)
    assert (pooled.dtype, weights.dtype) == ("float16", "float32")


def test_it_is_rebuilt_from_its_configuration() -> None:
    layer = attention("mlp", "softmax", activation="prelu")
    other = TargetAttention.from_config(layer.get_config())
    other(QUERY, KEYS, mask=MASK)
    other.set_weights(layer.get_weights())
    np.testing.assert_array_equal(other(QUERY, KEYS, mask=MASK)[0], layer(QUERY, KEYS, mask=MASK)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"score": "cosine"}, "`score` should be one of mlp, bilinear, dot, received 'cosine'"),
        ({"normalization": "max"}, "`normalization` should be one of none, softmax, received 'max'"),
        ({"units": ()}, "`units` should have at least one layer, received none"),
    ],
)
def test_bad_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TargetAttention(**options)


def test_widths_that_differ() -> None:
    with pytest.raises(ValueError, match="should have the same width for score 'dot', received 2 and 4"):
        TargetAttention("dot").build((3, 2), (3, 5, 4))
