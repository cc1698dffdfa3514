"""State of a user's interest after each behaviour."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from interestflow.models.tensor import Shape, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class InterestExtractor(keras.layers.GRU):
    """Keras's gated recurrent unit over a history, returning all its states.

    On a GPU TensorFlow runs it as cuDNN's kernel, as Keras arranges. On a CPU it is trained by `gated_recurrence`, in
    half the time.

    Args:
        units: size of a state.
        kwargs: other arguments of `keras.layers.GRU`.

    Example:

    >>> extractor = InterestExtractor(units=8)
    >>> tuple(extractor(ops.ones((2, 5, 4))).shape)
    (2, 5, 8)

    Reference:
        Deep Interest Evolution Network (arXiv 1809.03672), section 4.2.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        """Create the unit, which always returns all states."""
        super().__init__(units, **{**kwargs, "return_sequences": True})

    def build(self, sequences_shape: Shape) -> None:
        """Build the unit for behaviours of this shape."""
        super().build(sequences_shape)

    def call(self, sequences: Tensor, training: bool | None = None) -> Tensor:
        """Compute the states [B, T, units] of behaviours [B, T, d]; padding counts as any other behaviour."""
        if not training or keras.backend.backend() != "tensorflow":
            return super().call(sequences, training=training)
        import tensorflow as tf

        from interestflow.models.layers.sequence.gated_recurrence import gated_recurrence

        if tf.config.list_logical_devices("GPU"):
            return super().call(sequences, training=training)
        # Keras's update gate keeps the state and that of `gated_recurrence` renews it, so its sign is flipped. Within a
        # gate Keras's two biases add up to one.
        sign, is_gate = np.repeat([-1.0, 1.0, 1.0], self.units), np.repeat([1.0, 1.0, 0.0], self.units)
        weights = (self.cell.kernel, self.cell.recurrent_kernel, *ops.unstack(self.cell.bias))
        kernel, recurrent, bias, own_bias = (
            ops.cast(weight, sequences.dtype) * ops.cast(sign, sequences.dtype) for weight in weights
        )
        bias += own_bias * ops.cast(is_gate, sequences.dtype)
        own_bias = own_bias[-self.units :]
        return gated_recurrence(sequences, kernel, bias, recurrent, own_bias, return_sequences=True)
