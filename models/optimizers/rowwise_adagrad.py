"""Adagrad with one accumulator for each row of a table, instead of one for each weight."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from interestflow.models.layers.embedding.declared_tables import is_table
from interestflow.models.optimizers.row_sparse import SparseAdagrad
from interestflow.models.tensor import Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class RowwiseAdagrad(SparseAdagrad):
    """Adagrad whose accumulator of a table has `rows * 4` bytes, where that of Adagrad is as large as the table.

    For row r with gradient g of width d: `a_r += sum(g^2) / d; w_r -= learning_rate * g / sqrt(a_r + epsilon)`. The
    mean of the squares makes learning rates similar to those of Adagrad.

    Tables are the variables marked by `mark_as_table`, as those of `EmbeddingTable` are: slots are created before the
    first gradient, so that whether the gradient is sparse cannot decide. Every other variable gets Adagrad's own
    accumulator, one number for each weight, and is updated by rows where its gradient is sparse.

    Args:
        learning_rate: a float or a schedule.
        name: name of the optimizer.
        options: other arguments of `SparseAdagrad`.

    Example:

    >>> table = mark_as_table(keras.Variable([[1.0, 1.0], [1.0, 1.0]]))
    >>> optimizer = RowwiseAdagrad(0.1, initial_accumulator_value=0.0)
    >>> rows = tf.IndexedSlices(tf.constant([[3.0, 3.0]]), tf.constant([1]), tf.constant([2, 2]))
    >>> optimizer.apply([rows], [table])
    >>> np.round(np.asarray(table), 2)
    array([[1. , 1. ],
           [0.9, 0.9]], dtype=float32)

    Reference:
        "Exact row-wise Adagrad" of FBGEMM and TorchRec.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.05,
        *,
        name: str = "rowwise_adagrad",
        **options: Any,
    ) -> None:
        """Pass the arguments on to `SparseAdagrad`."""
        super().__init__(learning_rate, name=name, **options)

    def build(self, variables: list[keras.Variable]) -> None:
        """Create an accumulator for each variable."""
        if self.built:
            return
        keras.optimizers.Optimizer.build(self, variables)  # Skip Adagrad's `build`, which creates its own accumulators.
        self._accumulators = [self._accumulator(variable) for variable in variables]

    def _accumulator(self, variable: keras.Variable) -> keras.Variable:
        initializer = keras.initializers.Constant(self.initial_accumulator_value)
        if not is_table(variable):
            return self.add_variable_from_reference(variable, name="accumulator", initializer=initializer)
        with self._distribution_strategy.extended.colocate_vars_with(variable.value):
            name = f"{variable.path.replace('/', '_')}_accumulator"
            return self.add_variable(variable.shape[:1], initializer, variable.dtype, name=name)

    def update_rows(self, ids: Tensor, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        """Update rows `ids` [N], each named once, by their gradient [N, d]."""
        accumulator = self._accumulators[self._get_variable_index(variable)].value
        if accumulator.shape == variable.shape:
            super().update_rows(ids, gradient, variable, learning_rate)
            return
        accumulated = tf.gather(accumulator, ids) + _mean_square(gradient)
        accumulator.scatter_update(tf.IndexedSlices(accumulated, ids))
        change = learning_rate * gradient * tf.math.rsqrt(accumulated + self.epsilon)[:, tf.newaxis]
        variable.scatter_update(tf.IndexedSlices(tf.gather(variable, ids) - change, ids))

    def update_step(self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        """Update a variable, including a table whose gradient is dense because a loss uses every row."""
        accumulator = self._accumulators[self._get_variable_index(variable)].value
        if isinstance(gradient, tf.IndexedSlices) or accumulator.shape == variable.shape:
            super().update_step(gradient, variable, learning_rate)
            return
        gradient, rate = tf.cast(gradient, variable.dtype), tf.cast(learning_rate, variable.dtype)
        accumulator.assign_add(_mean_square(gradient))
        variable.assign_sub(rate * gradient * tf.math.rsqrt(accumulator + self.epsilon)[:, tf.newaxis])


def _mean_square(gradient: Tensor) -> Tensor:
    return tf.reduce_mean(tf.square(gradient), axis=-1)
