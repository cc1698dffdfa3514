"""One optimizer for embedding tables, another for all other weights."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from interestflow.models.layers.embedding.declared_tables import is_table
from interestflow.models.optimizers.row_sparse import RowSparseOptimizer
from interestflow.models.tensor import Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class Decoupled(RowSparseOptimizer):
    """Optimizer that updates embedding tables by `tables` and every other variable by `dense`.

    Tables are the variables marked by `mark_as_table`, as those of `EmbeddingTable` are. Each part has its own learning
    rate and its own slots; the limit on the norm is over the gradients of both.

    Args:
        tables: optimizer of the tables, without a limit of its own.
        dense: optimizer of the other variables, one of Keras's, without a limit of its own.
        global_clipnorm: largest norm of all gradients together; without it, no limit.
        for_xla: see `RowSparseOptimizer`.

    Example:

    >>> table, bias = mark_as_table(keras.Variable([[1.0], [1.0]])), keras.Variable([1.0])
    >>> optimizer = Decoupled(SparseAdagrad(0.1, 0.0), keras.optimizers.SGD(0.5))
    >>> rows = tf.IndexedSlices(tf.constant([[2.0]]), tf.constant([1]), tf.constant([2, 1]))
    >>> optimizer.apply([rows, tf.constant([1.0])], [table, bias])
    >>> np.round(np.asarray(table)[:, 0], 2), np.asarray(bias)
    (array([1. , 0.9], dtype=float32), array([0.5], dtype=float32))
    """

    def __init__(
        self,
        tables: RowSparseOptimizer,
        dense: keras.optimizers.Optimizer,
        global_clipnorm: float | None = None,
        for_xla: bool = False,
        name: str = "decoupled",
    ) -> None:
        """Store the two optimizers."""
        super().__init__(learning_rate=0.0, global_clipnorm=global_clipnorm, for_xla=for_xla, name=name)
        self.tables = tables
        self.dense = dense

    def build(self, variables: list[keras.Variable]) -> None:
        """Create the slots of each optimizer for its own variables."""
        if self.built:
            return
        super().build(variables)
        self.tables.build([variable for variable in variables if is_table(variable)])
        self.dense.build([variable for variable in variables if not is_table(variable)])
        self._tables_keys = {self._var_key(variable) for variable in variables if is_table(variable)}

    @property
    def variables(self) -> list[keras.Variable]:
        """Variables of this optimizer and of its parts."""
        return [*super().variables, *self.tables.variables, *self.dense.variables]

    def apply(self, grads: list[Tensor], trainable_variables: list[keras.Variable] | None = None) -> None:
        """Update the variables, and count the step in both parts."""
        super().apply(grads, trainable_variables)
        for part in (self.tables, self.dense):
            part.iterations.assign_add(1)

    def update_step(self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        """Update a variable by its own optimizer and that optimizer's learning rate."""
        if self._var_key(variable) in self._tables_keys:
            self.tables.update_step(gradient, variable, self.tables.learning_rate)
            return
        # The gradient of a small table of one of Keras's own layers is sparse too.
        gradient = tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient
        self.dense.update_step(gradient, variable, self.dense.learning_rate)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with both optimizers serialized."""
        serialize = keras.optimizers.serialize
        config = super().get_config() | {"tables": serialize(self.tables), "dense": serialize(self.dense)}
        del config["learning_rate"]
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Decoupled:
        """Build the optimizer that `get_config` describes."""
        parts = {part: keras.optimizers.deserialize(config[part], custom_objects) for part in ("tables", "dense")}
        return cls(**config | parts)
