"""Sample weights under which several random vectors are nearly independent of one another.

The Hilbert-Schmidt independence criterion (HSIC) with random Fourier features, minimized over the weights of a batch's
rows: Zhang et al. (StableNet, CVPR 2021, arXiv 2104.07876). Our departures from it: a kernel on vectors rather than
scalars; the criterion as a share of its value under equal weights, without which weights do not move; and a penalty
scaled by the batch size. Nothing here is differentiable, nor needs to be.
"""

from __future__ import annotations

import math

import keras
from keras import ops

from interestflow.models.tensor import Tensor


def fourier_features(vectors: Tensor, count: int, seed: keras.random.SeedGenerator) -> Tensor:
    """Compute random features of a Gaussian kernel on vectors, with the same feature maps for all K vectors of a row.

    `sqrt(2 / D) cos(O' u + b)`, O normal with deviation 1 / s, b uniform from 0 to 2 pi. The kernel's width s is the
    median distance between vector k of neighbouring rows: for a median, B * K pairs are as good as all.

    Args:
        vectors: float32 [B, K, d].
        count: number of features, D.
        seed: `keras.random.SeedGenerator`.

    Returns:
        float32 [B, K, D].

    Reference:
        Rahimi and Recht, NeurIPS 2007.
    """
    distances = ops.sqrt(ops.sum(ops.square(vectors - ops.roll(vectors, 1, axis=0)), axis=-1))
    width = ops.maximum(ops.median(distances), 1e-6)
    directions = keras.random.normal((vectors.shape[-1], count), seed=seed) / width
    phases = keras.random.uniform((count,), maxval=2.0 * math.pi, seed=seed)
    return (2.0 / count) ** 0.5 * ops.cos(ops.matmul(vectors, directions) + phases)


def dependence(features: Tensor, weights: Tensor) -> Tensor:
    """Compute `sum over k < l of |Cov_w(k, l)|^2` (Frobenius norm).

    Args:
        features: [B, K, D].
        weights: [B], which sum to 1.

    Returns:
        A scalar, 0 if all K vectors are independent of one another.
    """
    return dependence_and_gradient(features, weights)[0]


def independence_weights(
    features: Tensor, steps: Tensor | int, learning_rate: float, penalty: float
) -> tuple[Tensor, Tensor]:
    """Compute sample weights that lower the dependence.

    `w = softmax(l)` minimizes `dependence(w) / dependence(1 / B) + penalty * (B * sum_b w_b^2 - 1)` by Adam from
    `l = 0`, with a learning rate that falls to 0, so that a strong penalty is met closely. The first term is lowered no
    further than its chance value, that of interests taken from different rows, so independent interests leave all
    weights equal. Weights are also equal if nothing is gained.

    Args:
        features: [B, K, D].
        steps: int scalar, Adam steps; 0 results in equal weights.
        learning_rate: learning rate of the first step.
        penalty: strength of the penalty on weights that are far from equal: `B * sum w^2` is B over the effective
            number of rows.

    Returns:
        Weights [B], which sum to 1, and the dependence as a share of that under equal weights, a scalar.

    Example:

    >>> features = fourier_features(keras.random.normal((64, 2, 4), seed=1), 8, seed=2)
    >>> weights, share = independence_weights(features, steps=10, learning_rate=0.1, penalty=0.3)
    >>> tuple(weights.shape), round(float(ops.sum(weights)), 4)
    ((64,), 1.0)
    """
    rows, interests = ops.shape(features)[0], features.shape[1]
    size = ops.cast(rows, "float32")
    equal = ops.ones_like(features[:, 0, 0]) / size
    initial = ops.maximum(dependence(features, equal), 1e-12)
    shuffled = [ops.roll(features[:, interest], interest, axis=0) for interest in range(interests)]
    by_chance = dependence(ops.stack(shuffled, axis=1), equal)
    steps = ops.cast(steps, "int32")

    def step(index: Tensor, state: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        logits, first, second = state
        weights = ops.softmax(logits)
        current, by_weight = dependence_and_gradient(features, weights)
        by_weight = ops.where(current > by_chance, by_weight / initial, 0.0) + 2.0 * penalty * size * weights
        # Multiply by the number of rows, because the gradient of each logit is as small as its weight.
        gradient = size * weights * (by_weight - ops.sum(weights * by_weight))
        time = ops.cast(index, "float32")
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * ops.square(gradient)
        moment = first / (1.0 - ops.power(0.9, time + 1.0))
        deviation = ops.sqrt(second / (1.0 - ops.power(0.999, time + 1.0))) + 1e-7
        rate = learning_rate * (1.0 - time / ops.cast(steps, "float32"))
        return logits - rate * moment / deviation, first, second

    zeros = ops.zeros_like(equal)
    logits, _, _ = ops.fori_loop(0, steps, step, (zeros, zeros, zeros))
    weights = ops.softmax(logits)
    share = dependence(features, weights) / initial
    return ops.where(share < 1.0, weights, equal), ops.minimum(share, 1.0)


def dependence_and_gradient(features: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Compute `dependence` and its gradient by the weights [B], up to a constant that is the same for all.

    `2 sum over k < l of (f_k - m_k)' Cov_w(k, l) (f_l - m_l)`, `m` being weighted means. Arguments are those of
    `dependence`.
    """
    centered = _center(features, weights)
    covariances = _cross_covariances(centered, weights, features.shape[1])
    return 0.5 * ops.sum(ops.square(covariances)), ops.sum(ops.matmul(centered, covariances) * centered, axis=1)


def _center(features: Tensor, weights: Tensor) -> Tensor:
    """Return the features, flattened to [B, K * D], less their weighted mean."""
    flat = ops.reshape(features, (-1, features.shape[1] * features.shape[2]))
    return flat - ops.sum(weights[:, None] * flat, axis=0)


def _cross_covariances(centered: Tensor, weights: Tensor, interests: int) -> Tensor:
    """Return weighted covariances [K * D, K * D] between features of different interests; zeros within one."""
    covariances = ops.matmul(ops.transpose(centered * weights[:, None]), centered)
    width = centered.shape[1] // interests
    block = ops.repeat(ops.arange(interests), width)
    return ops.where(block[:, None] != block[None, :], covariances, 0.0)
