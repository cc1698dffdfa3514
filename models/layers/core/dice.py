"""Dice, the data-adaptive activation of DIN."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.batch_normalization import MOMENTUM, BatchNormalization
from interestflow.models.tensor import Shape, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class Dice(keras.layers.Layer):
    """Activation that switches between two slopes where each channel's distribution is centered.

    `q * s + (1 - q) * alpha * s` with `q = sigmoid((s - E[s]) / sqrt(Var[s] + epsilon))`, per channel.

    Mean and variance are those of the global batch in training and moving averages at inference, so that a row's output
    does not depend on other rows. `alpha` is learned and starts at 0.

    Args:
        epsilon: added to the variance; the paper has 1e-8.
        momentum: momentum of the moving averages.

    Example:

    >>> np.asarray(Dice()(ops.array([[-100.0, 0.0, 100.0]])))  # alpha is 0
    array([[ -0.,   0., 100.]], dtype=float32)

    Reference:
        Deep Interest Network (arXiv 1706.06978), section 5.2.
    """

    def __init__(self, epsilon: float = 1e-8, momentum: float = MOMENTUM, **kwargs: Any) -> None:
        """Create the normalization that the gate is computed with."""
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.momentum = momentum
        self.supports_masking = True
        # In float32: in half precision the variance loses its digits and epsilon vanishes.
        self.normalization = BatchNormalization(
            center=False, scale=False, epsilon=epsilon, momentum=momentum, dtype="float32", name="normalization"
        )

    def build(self, shape: Shape) -> None:
        """Create `alpha` [C]."""
        self.alpha = self.add_weight(name="alpha", shape=(shape[-1],), initializer="zeros")
        self.normalization.build(shape)

    def call(self, inputs: Tensor, mask: Tensor | None = None, training: bool | None = None) -> Tensor:
        """Apply the activation.

        Args:
            inputs: [..., C], of any rank.
            mask: bool [...], true where a position counts in the batch's statistics; without it, all count.
            training: whether to use the batch's statistics and update the moving averages.

        Returns:
            [..., C].
        """
        normalized = self.normalization(ops.cast(inputs, "float32"), training=training, mask=mask)
        gate = ops.cast(ops.sigmoid(normalized), self.compute_dtype)
        alpha = ops.cast(self.alpha, self.compute_dtype)
        return inputs * (alpha + gate * (1.0 - alpha))

    def compute_output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the inputs."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "epsilon": self.epsilon, "momentum": self.momentum}
