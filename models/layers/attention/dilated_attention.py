"""Windows of behaviours at several scales: IDNP-style (arXiv 2208.04600), our reconstruction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from interestflow.models.layers.core.masked_ops import masked_softmax


@keras.saving.register_keras_serializable(package="interestflow")
class DilatedAttention(keras.layers.Layer):
    """A vector of every window of a history, from convolutions of growing dilation and attention over each one's steps.

    Certain are dilated convolutions and attention over their frames; the equations are ours. With `H_0` the history and
    a dilation `D` a scale:

        H_s = H_s-1 + relu(W_s [H_s-1 at t; H_s-1 at t - D_s] + b_s)   causal, zeros before the history and where masked
        b_s = softmax_t(a_s' tanh(V_s H_s))                            over the valid steps of the window
        r   = U [sum_t b_1 H_1; ...; sum_t b_S H_S] + c

    Convolutions are of the history, once for all windows that share a step; so a window also knows of the
    `sum_s D_s` steps before it, and of none after.

    Args:
        width: `d` of steps and result.
        window: steps of a window.
        dilations: of the scales, in steps.
    """

    def __init__(self, width: int, window: int, dilations: Sequence[int] = (1, 2, 4), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.window = width, window
        self.dilations = tuple(dilations)
        numbered = range(len(self.dilations))
        self.convolutions = [keras.layers.Dense(width, activation="relu", name=f"convolution_{i}") for i in numbered]
        self.hidden = [keras.layers.Dense(width, activation="tanh", name=f"hidden_{i}") for i in numbered]
        self.scores = [keras.layers.Dense(1, use_bias=False, name=f"score_{i}") for i in numbered]
        self.last = keras.layers.Dense(width, name="last")

    def build(self, *_: Any) -> None:
        for convolution, hidden, score in zip(self.convolutions, self.hidden, self.scores, strict=True):
            convolution.build((None, 2 * self.width))
            hidden.build((None, self.width))
            score.build((None, self.width))
        self.last.build((None, len(self.dilations) * self.width))

    def call(self, steps: Any, mask: Any) -> Any:
        """Vectors [B, L - window + 1, d], oldest window first, of steps [B, L, d] under a mask [B, L].

        Where nothing of a window is valid, its vector is that of nothing: `c`.
        """
        count = steps.shape[1] - self.window + 1
        places = np.arange(steps.shape[1]) - np.arange(count)[:, None]
        inside = ops.logical_and(np.logical_and(places >= 0, places < self.window), mask[:, None, :])
        there = ops.expand_dims(ops.cast(mask, steps.dtype), -1)
        steps = ops.where(mask[:, :, None], steps, ops.zeros_like(steps))
        pooled = []
        for dilation, convolution, hidden, score in zip(
            self.dilations, self.convolutions, self.hidden, self.scores, strict=True
        ):
            steps = steps + convolution(ops.concatenate([steps, _earlier(steps, dilation)], axis=-1)) * there
            scores = ops.broadcast_to(score(hidden(steps))[:, None, :, 0], ops.shape(inside))
            pooled.append(ops.matmul(ops.cast(masked_softmax(scores, inside), steps.dtype), steps))
        return self.last(ops.concatenate(pooled, axis=-1))

    def compute_output_shape(self, shape: Any, *_: Any) -> Any:
        return (shape[0], shape[1] - self.window + 1, self.width)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(), "width": self.width, "window": self.window, "dilations": list(self.dilations)
        }  # fmt: skip


def _earlier(steps: Any, distance: int) -> Any:
    """What was `distance` steps before, zeros where there was nothing: [B, L, d]."""
    # Turned rather than cut: the gradient of a cut along the steps costs several times as much.
    there = ops.expand_dims(ops.arange(steps.shape[1]) >= distance, -1)
    return ops.where(there, ops.roll(steps, distance, axis=1), ops.zeros_like(steps))
