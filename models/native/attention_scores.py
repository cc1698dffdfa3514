"""Scores of target attention by a kernel that keeps everything between keys and scores in the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType

import tensorflow as tf

from interestflow.models.native.library import kernel_threads
from interestflow.models.replicas import replica_count
from interestflow.models.tensor import Tensor


def attention_scores(
    kernels: ModuleType,
    query: Tensor,
    query_term: Tensor,
    keys: Tensor,
    mask: Tensor,
    weights: Sequence[Tensor],
) -> Tensor:
    """Compute `s_j = w3 sigmoid(W2 sigmoid((Wk + diag(q) Wp) k_j + c) + b2)`; differentiable.

    This is the MLP of `TargetAttention` with two hidden layers of sigmoids. The numbers are those of TensorFlow's own
    operations up to the rounding of float32, in which everything is computed.

    Args:
        kernels: what `native_kernels` returned.
        query: q, [B, d].
        query_term: c, [B, u]: what the first layer adds for the query alone, with its bias.
        keys: k, [B, T, d].
        mask: bool [B, T]. Steps behind the last valid one are not computed, and score 0.
        weights: Wk [d, u], Wp [d, u], W2 [u, v], b2 [v] and w3 [v].

    Returns:
        float32 [B, T], without the bias of the last layer.
    """
    threads = kernel_threads(replica_count())

    @tf.custom_gradient
    def scores(*inputs: Tensor) -> tuple[Tensor, Callable[[Tensor], list[Tensor]]]:
        q, term, k, wk, wp, w2, b2, w3 = inputs
        values, first, second = kernels.interestflow_attention_scores(
            query=q, query_term=term, keys=k, mask=mask, key_kernel=wk, product_kernel=wp, hidden_kernel=w2,
            hidden_bias=b2, last_kernel=w3, threads=threads,
        )  # fmt: skip

        def gradient(upstream: Tensor) -> list[Tensor]:
            gradients = kernels.interestflow_attention_scores_gradient(
                gradient=upstream, query=q, keys=k, mask=mask, key_kernel=wk, product_kernel=wp, hidden_kernel=w2,
                last_kernel=w3, first=first, second=second, threads=threads,
            )  # fmt: skip
            return [tf.ensure_shape(change, value.shape) for change, value in zip(gradients, inputs, strict=True)]

        return tf.ensure_shape(values, k.shape[:2]), gradient

    return scores(*(tf.cast(value, tf.float32) for value in (query, query_term, keys, *weights)))
