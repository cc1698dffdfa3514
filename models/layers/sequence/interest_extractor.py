"""What a user was interested in after each behaviour."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="interestflow")
class InterestExtractor(keras.layers.GRU):
    """Keras's gated recurrent unit over a history, all its states: DIEN (arXiv 1809.03672), 4.2.

    On a GPU TensorFlow runs it as cuDNN's kernel, as Keras arranges; on a CPU it trains it by `gated_recurrence`, in
    half the time.

    Args:
        units: width of a state.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **{**kwargs, "return_sequences": True})

    def build(self, sequences_shape: Any) -> None:
        super().build(sequences_shape)

    def call(self, sequences: Any, training: bool | None = None) -> Any:
        """States [B, T, units] of the behaviours `sequences` [B, T, d]; padding is a behaviour like any other."""
        if not training or keras.backend.backend() != "tensorflow":
            return super().call(sequences, training=training)
        import tensorflow as tf

        from interestflow.models.layers.sequence.gated_recurrence import gated_recurrence

        if tf.config.list_logical_devices("GPU"):
            return super().call(sequences, training=training)
        # Keras keeps by the gate that renews here, which turns its sign. Within a gate its two biases are one.
        sign, of_gates = np.repeat([-1.0, 1.0, 1.0], self.units), np.repeat([1.0, 1.0, 0.0], self.units)
        weights = (self.cell.kernel, self.cell.recurrent_kernel, *ops.unstack(self.cell.bias))
        kernel, recurrent, bias, own_bias = (
            ops.cast(weight, sequences.dtype) * ops.cast(sign, sequences.dtype) for weight in weights
        )
        bias += own_bias * ops.cast(of_gates, sequences.dtype)
        own_bias = own_bias[-self.units :]
        return gated_recurrence(sequences, kernel, bias, recurrent, own_bias, return_sequences=True)
