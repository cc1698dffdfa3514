"""Dice, the data-adaptive activation of DIN."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.batch_normalization import MOMENTUM, BatchNormalization


@keras.saving.register_keras_serializable(package="interestflow")
class Dice(keras.layers.Layer):
    """`q * s + (1 - q) * alpha * s` with `q = sigmoid((s - E[s]) / sqrt(Var[s] + epsilon))`, per channel.

    Expectation and variance are the global batch's in training and moving averages otherwise, so that at inference no
    row depends on another; alpha is learned and begins at 0. Deep Interest Network (arXiv 1706.06978), section 5.2.

    Args:
        epsilon: the paper's 1e-8.
        momentum: of the moving averages.
    """

    def __init__(self, epsilon: float = 1e-8, momentum: float = MOMENTUM, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.momentum = momentum
        self.supports_masking = True
        # In float32: in half precision the variance loses its digits and epsilon vanishes.
        self.normalization = BatchNormalization(
            center=False, scale=False, epsilon=epsilon, momentum=momentum, dtype="float32", name="normalization"
        )

    def build(self, shape: Any) -> None:
        self.alpha = self.add_weight(name="alpha", shape=(shape[-1],), initializer="zeros")
        self.normalization.build(shape)

    def call(self, inputs: Any, mask: Any | None = None, training: bool | None = None) -> Any:
        """`inputs` [..., C] of any rank; `mask` [...], of what the batch's statistics are taken, None for all."""
        normalized = self.normalization(ops.cast(inputs, "float32"), training=training, mask=mask)
        gate = ops.cast(ops.sigmoid(normalized), self.compute_dtype)
        alpha = ops.cast(self.alpha, self.compute_dtype)
        return inputs * (alpha + gate * (1.0 - alpha))

    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon, "momentum": self.momentum}
