"""The auxiliary loss of DIEN: each state of the extractor should tell the next behaviour from another."""

from __future__ import annotations

from typing import Any

from keras import ops


def next_step_loss(states: Any, behaviours: Any, negatives: Any, valid: Any) -> Any:
    """Mean over valid steps of `-log D(h_t, e_{t+1}) - log(1 - D(h_t, n_{t+1}))` with `D = sigmoid(<h, e>)`.

    DIEN (arXiv 1809.03672), equation 5, as a mean over valid steps; the authors' code averages over padding too.

    Args:
        states: [B, T, n], of which state t has seen behaviours up to t.
        behaviours: [B, T, n].
        negatives: [B, T, n], for the same steps.
        valid: bool [B, T], where a behaviour and its negative are.

    Returns:
        A float32 scalar; 0 where no step is valid.
    """
    # Turned rather than cut: the gradient of a cut along the steps costs several times as much. The first step, which
    # meets the last state, does not count.
    before = ops.cast(ops.roll(states, 1, axis=1), "float32")
    counted = ops.cast(ops.logical_and(valid, ops.arange(ops.shape(valid)[1]) > 0), "float32")

    def products(vectors: Any) -> Any:
        return ops.sum(before * ops.cast(vectors, "float32"), axis=-1)

    losses = ops.softplus(-products(behaviours)) + ops.softplus(products(negatives))
    return ops.sum(losses * counted) / ops.maximum(ops.sum(counted), 1.0)
