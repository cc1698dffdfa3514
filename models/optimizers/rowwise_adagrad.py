"""Adagrad that remembers one number a row of a table, instead of one a weight."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from interestflow.models.layers.embedding.declared_tables import is_table
from interestflow.models.optimizers.row_sparse import SparseAdagrad


@keras.saving.register_keras_serializable(package="interestflow")
class RowwiseAdagrad(SparseAdagrad):
    """Adagrad whose accumulator of a table is of rows: `rows * 4` bytes, where Adagrad's is as large as the table.

    For row r with gradient g of width d: `a_r += sum(g^2) / d; w_r -= learning_rate * g / sqrt(a_r + epsilon)`. It is
    the mean of squares, so that learning rates are about Adagrad's, as FBGEMM and TorchRec have it by the name of exact
    row-wise Adagrad.

    Tables are the variables that `EmbeddingTable` marks as such (`mark_as_table`); slots have to be made before the
    first gradient, so that the form of the gradient cannot decide. Every other variable gets Adagrad's own accumulator,
    one number a weight, and is updated by rows where its gradient is of rows.

    Args:
        learning_rate, options: see `SparseAdagrad`.
    """

    def __init__(self, learning_rate: Any = 0.05, *, name: str = "rowwise_adagrad", **options: Any) -> None:
        super().__init__(learning_rate, name=name, **options)

    def build(self, variables: list[Any]) -> None:
        if self.built:
            return
        keras.optimizers.Optimizer.build(self, variables)  # not Adagrad's, which makes its own accumulators
        self._accumulators = [self._accumulator(variable) for variable in variables]

    def _accumulator(self, variable: Any) -> Any:
        initializer = keras.initializers.Constant(self.initial_accumulator_value)
        if not is_table(variable):
            return self.add_variable_from_reference(variable, name="accumulator", initializer=initializer)
        with self._distribution_strategy.extended.colocate_vars_with(variable.value):
            name = f"{variable.path.replace('/', '_')}_accumulator"
            return self.add_variable(variable.shape[:1], initializer, variable.dtype, name=name)

    def update_rows(self, ids: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
        accumulator = self._accumulators[self._get_variable_index(variable)].value
        if accumulator.shape == variable.shape:
            super().update_rows(ids, gradient, variable, learning_rate)
            return
        accumulated = tf.gather(accumulator, ids) + _mean_of_squares(gradient)
        accumulator.scatter_update(tf.IndexedSlices(accumulated, ids))
        change = learning_rate * gradient * tf.math.rsqrt(accumulated + self.epsilon)[:, tf.newaxis]
        variable.scatter_update(tf.IndexedSlices(tf.gather(variable, ids) - change, ids))

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        accumulator = self._accumulators[self._get_variable_index(variable)].value
        if isinstance(gradient, tf.IndexedSlices) or accumulator.shape == variable.shape:
            super().update_step(gradient, variable, learning_rate)
            return
        # A table of which a loss takes every row.
        gradient, rate = tf.cast(gradient, variable.dtype), tf.cast(learning_rate, variable.dtype)
        accumulator.assign_add(_mean_of_squares(gradient))
        variable.assign_sub(rate * gradient * tf.math.rsqrt(accumulator + self.epsilon)[:, tf.newaxis])


def _mean_of_squares(gradient: Any) -> Any:
    return tf.reduce_mean(tf.square(gradient), axis=-1)
