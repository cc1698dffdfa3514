"""Short windows of behaviours at several scales: IDNP-style (arXiv 2208.04600), our reconstruction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from models.layers.masked_ops import masked_softmax, masked_sum


@keras.saving.register_keras_serializable(package="interestflow")
class DilatedAttention(keras.layers.Layer):
    """A window's vector, from convolutions of growing dilation and attention over the steps of each.

    Certain are dilated convolutions and attention over their frames; the equations are ours. With `H_0` the window and
    a dilation `D` a scale:

        H_s = H_s-1 + relu(W_s [H_s-1 at t; H_s-1 at t - D_s] + b_s)   causal, zeros before the window and where masked
        b_s = softmax_t(a_s' tanh(V_s H_s))                            over valid steps
        r   = U [sum_t b_1 H_1; ...; sum_t b_S H_S] + c

    Args:
        width: `d` of steps and result.
        dilations: of the scales, in steps; each should be less than the window's length to reach anything.
    """

    def __init__(self, width: int, dilations: Sequence[int] = (1, 2, 4), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
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
        """Vectors [..., d] of windows [..., l, d] under masks [..., l]; where nothing is valid, that of nothing."""
        there = ops.expand_dims(ops.cast(mask, steps.dtype), -1)
        steps = steps * there
        pooled = []
        for dilation, convolution, hidden, score in zip(
            self.dilations, self.convolutions, self.hidden, self.scores, strict=True
        ):
            steps = steps + convolution(ops.concatenate([steps, _earlier(steps, dilation)], axis=-1)) * there
            weights = masked_softmax(score(hidden(steps))[..., 0], mask)
            pooled.append(masked_sum(ops.expand_dims(ops.cast(weights, steps.dtype), -1) * steps, mask))
        return self.last(ops.concatenate(pooled, axis=-1))

    def compute_output_shape(self, shape: Any, *_: Any) -> Any:
        return (*shape[:-2], self.width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "dilations": list(self.dilations)}


def _earlier(steps: Any, distance: int) -> Any:
    """What was `distance` steps before, zeros where there was nothing: [..., l, d]."""
    length = steps.shape[-2]
    distance = min(distance, length)
    nothing = ops.zeros_like(steps[..., :distance, :])
    return ops.concatenate([nothing, steps[..., : length - distance, :]], axis=-2)
