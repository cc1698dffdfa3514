"""Gradients of a loss by the path of the weight."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from interestflow.models.tensor import Tensor


def gradients_by_path(tape: tf.GradientTape, loss: Tensor, weights: Sequence[keras.Variable]) -> dict[str, np.ndarray]:
    """Return the gradient of `loss` by each weight's path, zeros where the loss does not depend on it."""
    gradients = tape.gradient(loss, [weight.value for weight in weights]) if weights else []
    return {
        weight.path: np.zeros(weight.shape) if gradient is None else tf.convert_to_tensor(gradient).numpy()
        for weight, gradient in zip(weights, gradients, strict=True)
    }
