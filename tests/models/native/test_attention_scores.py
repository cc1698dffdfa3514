"""The kernel equals TensorFlow's own operations: scores, all gradients, and padding."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.layers.attention.target_attention import TargetAttention
from interestflow.models.native.library import enable_native_kernels, native_kernels

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="the kernels need a compiler")


@pytest.fixture(scope="module", autouse=True)
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compile the kernels once for this module, into a folder that is not the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        enable_native_kernels()
        assert native_kernels() is not None
        yield


@pytest.fixture(autouse=True)
def _kernels(_compiled: None) -> Iterator[None]:
    enable_native_kernels()
    yield
    enable_native_kernels(False)


def attend(
    layer: TargetAttention, lengths: list[int], steps: int, width: int
) -> tuple[np.ndarray, list[np.ndarray], list[str]]:
    """Return the weights of a training step, the gradients of inputs and weights, and the operations of its graph."""
    random = np.random.default_rng(3)
    query = tf.constant(random.normal(size=(len(lengths), width)), tf.float32)
    keys = tf.constant(random.normal(size=(len(lengths), steps, width)), tf.float32)
    mask = tf.constant(np.arange(steps) < np.array(lengths)[:, None])

    @tf.function
    def step() -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            tape.watch([query, keys])
            pooled, weights = layer(query, keys, mask=mask, training=True)
            loss = tf.reduce_sum(tf.sin(tf.cast(pooled, tf.float32)))
        variables = [variable.value for variable in layer.trainable_variables]
        return weights, tape.gradient(loss, [query, keys, *variables])

    weights, gradients = step()
    operations = [operation.type for operation in step.get_concrete_function().graph.get_operations()]
    return weights.numpy(), [gradient.numpy() for gradient in gradients], operations


@pytest.mark.parametrize(
    ("units", "width", "steps", "normalization"),
    [((80, 40), 32, 50, "none"), ((5, 3), 7, 70, "softmax"), ((17, 9), 4, 1, "none")],
)
def test_kernel_equals_tensorflow(units: tuple[int, int], width: int, steps: int, normalization: str) -> None:
    """Also for widths that are no multiple of eight, histories of several tiles, and an empty one."""
    keras.utils.set_random_seed(5)
    layer = TargetAttention("mlp", normalization, units, return_scores=True)
    layer.build((None, width), (None, steps, width))
    lengths = [steps, 0, max(1, steps // 2)] * 15
    weights, gradients, operations = attend(layer, lengths, steps, width)
    assert "InterestflowAttentionScores" in operations
    enable_native_kernels(False)
    expected_weights, expected_gradients, operations = attend(layer, lengths, steps, width)
    assert "InterestflowAttentionScores" not in operations
    np.testing.assert_allclose(weights, expected_weights, rtol=1e-5, atol=1e-6)
    for gradient, expected in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=2e-5 * np.abs(expected).max())


def test_inference_and_other_activations_use_tensorflow() -> None:
    """An exported graph must not need the library."""
    query, keys = tf.ones((2, 4)), tf.ones((2, 3, 4))
    for layer, training in [(TargetAttention("mlp"), False), (TargetAttention("mlp", activation="relu"), True)]:
        layer(query, keys)
        function = tf.function(lambda layer=layer, training=training: layer(query, keys, training=training))
        operations = {operation.type for operation in function.get_concrete_function().graph.get_operations()}
        assert not {name for name in operations if name.startswith("Interestflow")}


def test_the_number_of_threads_does_not_change_a_bit() -> None:
    kernels = native_kernels()
    assert kernels is not None
    random = np.random.default_rng(4)
    shapes = [(50, 8), (50, 8), (50, 6, 8), (8, 8), (8, 8), (8, 8), (8,), (8,)]
    query, term, keys, wk, wp, w2, b2, w3 = (tf.constant(random.normal(size=shape), tf.float32) for shape in shapes)
    inputs = {"query": query, "keys": keys, "mask": tf.ones((50, 6), tf.bool), "key_kernel": wk, "product_kernel": wp}
    inputs |= {"hidden_kernel": w2, "last_kernel": w3}
    results = []
    for threads in (1, 3):
        scores, first, second = kernels.interestflow_attention_scores(
            **inputs, query_term=term, hidden_bias=b2, threads=threads
        )
        gradients = kernels.interestflow_attention_scores_gradient(
            **inputs, gradient=scores, first=first, second=second, threads=threads
        )
        results.append([scores, *gradients])
    for one, three in zip(*results, strict=True):
        np.testing.assert_array_equal(one, three)
