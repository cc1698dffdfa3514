"""Auxiliary loss of DIEN: each state of the extractor should distinguish the next behaviour from another one."""

from __future__ import annotations

from keras import ops

from interestflow.models.tensor import Tensor


def next_step_loss(states: Tensor, behaviours: Tensor, negatives: Tensor, valid: Tensor) -> Tensor:
    """Compute the mean over valid steps of `-log D(h_t, e_{t+1}) - log(1 - D(h_t, n_{t+1}))`, `D = sigmoid(<h, e>)`.

    Args:
        states: [B, T, n], of which state t has seen the behaviours up to t.
        behaviours: [B, T, n].
        negatives: [B, T, n], for the same steps.
        valid: bool [B, T], true where there are a behaviour and its negative.

    Returns:
        A float32 scalar, in nats; 0 if no step is valid.

    Example:

    >>> behaviours, valid = ops.ones((1, 3, 2)), ops.ones((1, 3), "bool")
    >>> round(float(next_step_loss(ops.zeros((1, 3, 2)), behaviours, -behaviours, valid)), 4)  # 2 log 2
    1.3863

    Reference:
        DIEN (arXiv 1809.03672), equation 5, here as a mean over valid steps; the authors' code averages over padding
        too.
    """
    # Roll instead of slicing: the gradient of a slice along time is several times slower. The first step, which is
    # compared with the last state, does not count.
    previous = ops.cast(ops.roll(states, 1, axis=1), "float32")
    counts = ops.cast(ops.logical_and(valid, ops.arange(ops.shape(valid)[1]) > 0), "float32")

    def products(vectors: Tensor) -> Tensor:
        return ops.sum(previous * ops.cast(vectors, "float32"), axis=-1)

    losses = ops.softplus(-products(behaviours)) + ops.softplus(products(negatives))
    return ops.sum(losses * counts) / ops.maximum(ops.sum(counts), 1.0)
