"""Batch normalization with the statistics of the global batch."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.replicas import sum_over_replicas
from interestflow.models.tensor import Tensor

MOMENTUM = 0.9


@keras.saving.register_keras_serializable(package="interestflow")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalization, with mean and variance over the unmasked positions of all replicas' batches.

    Keras's own `synchronized` does not support a mask, and computes the variance as a difference of two large numbers.
    Here the variance is the mean square of the deviations from the global mean, on one replica and on many.

    Args:
        momentum: momentum of the moving averages. With Keras's 0.99 they still hold a third of their initial values
            after a hundred steps, an epoch of a small log, and validation would score with statistics that no batch
            had.
        kwargs: other arguments of `keras.layers.BatchNormalization`.

    Example:

    >>> layer = BatchNormalization()
    >>> normalized = layer(ops.array([[1.0], [3.0], [9.0]]), mask=ops.array([True, True, False]), training=True)
    >>> np.round(np.asarray(normalized)[:2, 0], 2)
    array([-1.,  1.], dtype=float32)

    Reference:
        Ioffe and Szegedy (2015), Batch Normalization, arXiv 1502.03167, algorithm 1.
    """

    def __init__(self, momentum: float = MOMENTUM, **kwargs: Any) -> None:
        """Store the momentum and Keras's options."""
        super().__init__(momentum=momentum, **kwargs)

    def _moments(self, inputs: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return mean and variance [C] of `inputs` [..., C] where `mask` [...] is true, or everywhere without it."""
        axes = list(range(len(inputs.shape) - 1))
        if mask is None:
            valid = inputs
            local_count = ops.cast(ops.prod(ops.shape(inputs)[:-1]), inputs.dtype)
        else:
            mask = ops.expand_dims(ops.cast(mask, "bool"), -1)
            valid = ops.where(mask, inputs, 0.0)
            local_count = ops.sum(ops.cast(mask, inputs.dtype))
        count = ops.maximum(sum_over_replicas(local_count), 1.0)
        mean = sum_over_replicas(ops.sum(valid, axis=axes)) / count
        squares = ops.square(valid - mean)
        if mask is not None:
            squares = ops.where(mask, squares, 0.0)
        return mean, sum_over_replicas(ops.sum(squares, axis=axes)) / count
