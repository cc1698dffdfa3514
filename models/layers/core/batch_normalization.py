"""Batch normalisation whose statistics are those of the global batch."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.replicas import sum_over_replicas

MOMENTUM = 0.9


@keras.saving.register_keras_serializable(package="interestflow")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's, with mean and variance over what the mask allows in the batches of all replicas together.

    Keras's own `synchronized` does not hold where there is a mask, and takes the variance as a difference of two large
    numbers. Here the variance is the mean square of what is left after the global mean, on one replica and on many.

    Args:
        momentum: of the moving averages. Keras's 0.99 still holds a third of the initial values after a hundred steps,
            an epoch of a small log, and validation then judges a model that nobody trained.
    """

    def __init__(self, momentum: float = MOMENTUM, **kwargs: Any) -> None:
        super().__init__(momentum=momentum, **kwargs)

    def _moments(self, inputs: Any, mask: Any | None) -> tuple[Any, Any]:
        """Mean and variance [C] of `inputs` [..., C] where `mask` [...] holds; None: everywhere."""
        axes = list(range(len(inputs.shape) - 1))
        if mask is None:
            held = inputs
            local = ops.cast(ops.prod(ops.shape(inputs)[:-1]), inputs.dtype)
        else:
            mask = ops.expand_dims(ops.cast(mask, "bool"), -1)
            held = ops.where(mask, inputs, 0.0)
            local = ops.sum(ops.cast(mask, inputs.dtype))
        count = ops.maximum(sum_over_replicas(local), 1.0)
        mean = sum_over_replicas(ops.sum(held, axis=axes)) / count
        squares = ops.square(held - mean)
        if mask is not None:
            squares = ops.where(mask, squares, 0.0)
        return mean, sum_over_replicas(ops.sum(squares, axis=axes)) / count
