"""One optimizer for embedding tables, another for all other weights."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from interestflow.models.layers.embedding.declared_tables import is_table
from interestflow.models.optimizers.row_sparse import RowSparseOptimizer


@keras.saving.register_keras_serializable(package="interestflow")
class Decoupled(RowSparseOptimizer):
    """Trains the variables that `EmbeddingTable` marks as tables by `tables`, and every other one by `dense`.

    Each has its own learning rate and its own slots; the limit on the norm is over the gradients of both.

    Args:
        tables: without a limit of its own.
        dense: likewise; one of Keras's.
        global_clipnorm: the norm over all gradients that is not exceeded; None: no limit.
        for_xla: see `RowSparseOptimizer`.
    """

    def __init__(
        self,
        tables: RowSparseOptimizer,
        dense: keras.optimizers.Optimizer,
        global_clipnorm: float | None = None,
        for_xla: bool = False,
        name: str = "decoupled",
    ) -> None:
        super().__init__(learning_rate=0.0, global_clipnorm=global_clipnorm, for_xla=for_xla, name=name)
        self.tables = tables
        self.dense = dense

    def build(self, variables: list[Any]) -> None:
        if self.built:
            return
        super().build(variables)
        self.tables.build([variable for variable in variables if is_table(variable)])
        self.dense.build([variable for variable in variables if not is_table(variable)])
        self._tables_keys = {self._var_key(variable) for variable in variables if is_table(variable)}

    @property
    def variables(self) -> list[Any]:
        return [*super().variables, *self.tables.variables, *self.dense.variables]

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        super().apply(grads, trainable_variables)
        for part in (self.tables, self.dense):
            part.iterations.assign_add(1)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if self._var_key(variable) in self._tables_keys:
            self.tables.update_step(gradient, variable, self.tables.learning_rate)
            return
        # A small table that a layer of Keras's own holds.
        gradient = tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient
        self.dense.update_step(gradient, variable, self.dense.learning_rate)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.optimizers.serialize
        config = super().get_config() | {"tables": serialize(self.tables), "dense": serialize(self.dense)}
        del config["learning_rate"]
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Decoupled:
        made = {part: keras.optimizers.deserialize(config[part], custom_objects) for part in ("tables", "dense")}
        return cls(**config | made)
