"""Encoder of the windows of a history at several time scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from interestflow.models.layers.core.masked_ops import masked_softmax
from interestflow.models.tensor import Shape, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class DilatedAttention(keras.layers.Layer):
    """Vector of every window of a history, from dilated causal convolutions and attention over the window's steps.

    With `H_0` the history and one scale for each dilation `D_s`:

        H_s = H_s-1 + relu(W_s [H_s-1 at t; H_s-1 at t - D_s] + b_s)   causal; zeros before the history and where masked
        b_s = softmax_t(a_s' tanh(V_s H_s))                            over the valid steps of the window
        r   = U [sum_t b_1 H_1; ...; sum_t b_S H_S] + c

    Convolutions run over the history once for all windows that share a step, so that a window also sees the `sum_s D_s`
    steps before it, and none after it.

    Args:
        width: size `d` of steps and results.
        window: steps of a window.
        dilations: dilation of each scale, in steps.

    Example:

    >>> layer = DilatedAttention(width=4, window=3, dilations=(1, 2))
    >>> tuple(layer(ops.ones((2, 5, 4)), ops.ones((2, 5), "bool")).shape)  # windows end at steps 3, 4 and 5
    (2, 3, 4)

    Reference:
        IDNP (arXiv 2208.04600), which has dilated convolutions and attention over their frames. The equations are our
        reconstruction.
    """

    def __init__(self, width: int, window: int, dilations: Sequence[int] = (1, 2, 4), **kwargs: Any) -> None:
        """Create the layers of each scale."""
        super().__init__(**kwargs)
        self.width, self.window = width, window
        self.dilations = tuple(dilations)
        scales = range(len(self.dilations))
        self.convolutions = [keras.layers.Dense(width, activation="relu", name=f"convolution_{i}") for i in scales]
        self.hidden = [keras.layers.Dense(width, activation="tanh", name=f"hidden_{i}") for i in scales]
        self.scores = [keras.layers.Dense(1, use_bias=False, name=f"score_{i}") for i in scales]
        self.last = keras.layers.Dense(width, name="last")

    def build(self, *_: Shape) -> None:
        """Build the layers, whose shapes follow from `width` and the number of scales."""
        for convolution, hidden, score in zip(self.convolutions, self.hidden, self.scores, strict=True):
            convolution.build((None, 2 * self.width))
            hidden.build((None, self.width))
            score.build((None, self.width))
        self.last.build((None, len(self.dilations) * self.width))

    def call(self, steps: Tensor, mask: Tensor) -> Tensor:
        """Encode every window.

        Args:
            steps: [B, L, d], L at least `window`.
            mask: bool [B, L], true where there is a step.

        Returns:
            [B, L - window + 1, d], oldest window first; the bias `c` for a window without a valid step.
        """
        count = steps.shape[1] - self.window + 1
        positions = np.arange(steps.shape[1]) - np.arange(count)[:, None]
        inside = ops.logical_and(np.logical_and(positions >= 0, positions < self.window), mask[:, None, :])
        valid = ops.expand_dims(ops.cast(mask, steps.dtype), -1)
        steps = ops.where(mask[:, :, None], steps, ops.zeros_like(steps))
        pooled = []
        for dilation, convolution, hidden, score in zip(
            self.dilations, self.convolutions, self.hidden, self.scores, strict=True
        ):
            steps = steps + convolution(ops.concatenate([steps, _delay(steps, dilation)], axis=-1)) * valid
            scores = ops.broadcast_to(score(hidden(steps))[:, None, :, 0], ops.shape(inside))
            pooled.append(ops.matmul(ops.cast(masked_softmax(scores, inside), steps.dtype), steps))
        return self.last(ops.concatenate(pooled, axis=-1))

    def compute_output_shape(self, shape: Shape, *_: Shape) -> Shape:
        """Return the batch size, the number of windows and the width."""
        return (shape[0], shape[1] - self.window + 1, self.width)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(), "width": self.width, "window": self.window, "dilations": list(self.dilations)
        }  # fmt: skip


def _delay(steps: Tensor, distance: int) -> Tensor:
    """Return at each position of `steps` [B, L, d] the step `distance` positions before, zeros where there is none."""
    # Roll instead of slicing: the gradient of a slice along time is several times slower.
    has_earlier = ops.expand_dims(ops.arange(steps.shape[1]) >= distance, -1)
    return ops.where(has_earlier, ops.roll(steps, distance, axis=1), ops.zeros_like(steps))
