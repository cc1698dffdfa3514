"""Sample weights under which several random vectors are nearly independent of one another.

The Hilbert-Schmidt independence criterion by random Fourier features, minimised over the weights of a batch's rows:
Zhang et al. (StableNet, CVPR 2021, arXiv 2104.07876). What departs from it is ours: a kernel on vectors, not on
scalars; the criterion as a share of what it is under equal weights, without which weights do not move; and a penalty
scaled by the batch's size. Nothing here is differentiable, nor need it be.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def fourier_features(vectors: Any, count: int, seed: Any) -> Any:
    """Random features of a Gaussian kernel on vectors [B, K, d], the same for all K: [B, K, count].

    `sqrt(2 / D) cos(O' u + b)`, O normal with deviation 1 / s, b uniform in 0 to 2 pi: Rahimi and Recht, NeurIPS 2007.
    The kernel's width s is the median distance between the same vector k of neighbouring rows: B * K pairs are as
    good as all for a median.
    """
    distances = ops.sqrt(ops.sum(ops.square(vectors - ops.roll(vectors, 1, axis=0)), axis=-1))
    width = ops.maximum(ops.median(distances), 1e-6)
    directions = keras.random.normal((vectors.shape[-1], count), seed=seed) / width
    phases = keras.random.uniform((count,), maxval=6.283185307179586, seed=seed)
    return (2.0 / count) ** 0.5 * ops.cos(ops.matmul(vectors, directions) + phases)


def dependence(features: Any, weights: Any) -> Any:
    """`sum over k < l of |Cov_w(k, l)|^2`, Frobenius: a scalar, 0 where all K are independent of one another.

    Args:
        features: [B, K, D].
        weights: [B], which sum to 1.
    """
    return dependence_and_gradient(features, weights)[0]


def independence_weights(features: Any, steps: Any, learning_rate: float, penalty: float) -> tuple[Any, Any]:
    """Weights [B], which sum to 1, that make `dependence` lower, and to what share of that under equal weights.

    `w = softmax(l)` minimises `dependence(w) / dependence(1 / B) + penalty * (B * sum_b w_b^2 - 1)` by Adam from
    `l = 0`; its learning rate falls to 0, so that a strong penalty is met closely. The first term does not fall below
    what it is by chance, that is, where each interest is of another row; so independent interests leave all weights
    equal. They are equal, too, where nothing is gained.

    Args:
        features: [B, K, D].
        steps: int; 0 gives equal weights.
        learning_rate: of the first step.
        penalty: of weights that are far from equal: `B * sum w^2` is B over the effective number of rows.
    """
    rows, interests = ops.shape(features)[0], features.shape[1]
    size = ops.cast(rows, "float32")
    equal = ops.ones_like(features[:, 0, 0]) / size
    before = ops.maximum(dependence(features, equal), 1e-12)
    of_other_rows = [ops.roll(features[:, number], number, axis=0) for number in range(interests)]
    by_chance = dependence(ops.stack(of_other_rows, axis=1), equal)
    steps = ops.cast(steps, "int32")

    def step(number: Any, state: Any) -> Any:
        logits, first, second = state
        weights = ops.softmax(logits)
        now, by_weight = dependence_and_gradient(features, weights)
        by_weight = ops.where(now > by_chance, by_weight / before, 0.0) + 2.0 * penalty * size * weights
        # Times the number of rows: each logit's share is as small as its weight.
        gradient = size * weights * (by_weight - ops.sum(weights * by_weight))
        place = ops.cast(number, "float32")
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * ops.square(gradient)
        moment = first / (1.0 - ops.power(0.9, place + 1.0))
        deviation = ops.sqrt(second / (1.0 - ops.power(0.999, place + 1.0))) + 1e-7
        rate = learning_rate * (1.0 - place / ops.cast(steps, "float32"))
        return logits - rate * moment / deviation, first, second

    zeros = ops.zeros_like(equal)
    logits, _, _ = ops.fori_loop(0, steps, step, (zeros, zeros, zeros))
    weights = ops.softmax(logits)
    share = dependence(features, weights) / before
    return ops.where(share < 1.0, weights, equal), ops.minimum(share, 1.0)


def dependence_and_gradient(features: Any, weights: Any) -> tuple[Any, Any]:
    """`dependence`, and its gradient by the weights [B], up to a number that is the same for all.

    `2 sum over k < l of (f_k - m_k)' Cov_w(k, l) (f_l - m_l)`, `m` being weighted means.
    """
    centred = _centred(features, weights)
    between = _between(centred, weights, features.shape[1])
    return 0.5 * ops.sum(ops.square(between)), ops.sum(ops.matmul(centred, between) * centred, axis=1)


def _centred(features: Any, weights: Any) -> Any:
    """[B, K * D], less the weighted mean."""
    flat = ops.reshape(features, (-1, features.shape[1] * features.shape[2]))
    return flat - ops.sum(weights[:, None] * flat, axis=0)


def _between(centred: Any, weights: Any, interests: int) -> Any:
    """Weighted covariances [K * D, K * D] between features of different interests; zeros within one."""
    covariances = ops.matmul(ops.transpose(centred * weights[:, None]), centred)
    width = centred.shape[1] // interests
    block = ops.repeat(ops.arange(interests), width)
    return ops.where(block[:, None] != block[None, :], covariances, 0.0)
