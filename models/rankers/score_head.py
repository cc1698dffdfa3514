"""Last layers of rankers: from the vector of a user and a candidate to one logit per task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.mlp_tower import MLPTower
from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.tensor import Shape, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class ScoreHead(keras.layers.Layer):
    """Logits of all tasks by one MLP: `Dense(MLP(x)) + b_item`.

    The item bias, one number per item and task, begins at zero. It is the only part that reads item ids.

    Args:
        tasks: number of tasks.
        units: width of each hidden layer of the MLP.
        activation: see `MLPTower`.
        dropout: see `MLPTower`.
        batch_normalization: see `MLPTower`.
        item_rows: rows of the item bias, one per item id; None leaves it out.

    Example:

    >>> head = ScoreHead(tasks=2, units=(8,), item_rows=100)
    >>> tuple(head(ops.ones((3, 5)), ops.array([1, 2, 99])).shape)
    (3, 2)
    """

    def __init__(
        self,
        tasks: int,
        units: Sequence[int],
        activation: str = "relu",
        dropout: float = 0.0,
        batch_normalization: bool = False,
        item_rows: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Create the layers; their weights are built on the first call."""
        super().__init__(**kwargs)
        self.tasks, self.item_rows = tasks, item_rows
        self.tower = MLPTower(units, activation, dropout, batch_normalization, name="tower")
        self.score = keras.layers.Dense(tasks, dtype="float32", name="score")
        self.item_bias = None if item_rows is None else EmbeddingTable(item_rows, tasks, 0.0, "zeros", name="bias")

    def build(self, vectors_shape: Shape, *_: Any) -> None:
        """Build the MLP for vectors of this shape, and the item bias."""
        self.tower.build(vectors_shape)
        self.score.build((*vectors_shape[:-1], self.tower.units[-1]))
        if self.item_bias is not None:
            self.item_bias.build()

    def call(self, vectors: Tensor, items: Tensor, training: bool | None = None) -> Tensor:
        """Compute the logits.

        Args:
            vectors: [B, c].
            items: item ids, integers [B].
            training: whether the call trains.

        Returns:
            float32 [B, tasks].
        """
        logits = self.score(self.tower(vectors, training=training))
        if self.item_bias is None:
            return logits
        return logits + ops.cast(self.item_bias(items, training=training), "float32")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        tower = self.tower
        return {
            **super().get_config(),
            "tasks": self.tasks,
            "units": list(tower.units),
            "activation": tower.activation,
            "dropout": tower.dropout,
            "batch_normalization": tower.batch_normalization,
            "item_rows": self.item_rows,
        }


@keras.saving.register_keras_serializable(package="interestflow")
class TaskHeads(keras.layers.Layer):
    """Logits by an MLP of its own per task: `Dense_i(MLP_i(x_i))`.

    Args:
        tasks: names of the tasks.
        units: width of each hidden layer of each MLP.
        activation: see `MLPTower`.
        dropout: see `MLPTower`.

    Example:

    >>> heads = TaskHeads(("click", "like"), units=(8,))
    >>> tuple(heads([ops.ones((3, 5)), ops.zeros((3, 5))]).shape)
    (3, 2)
    """

    def __init__(
        self, tasks: Sequence[str], units: Sequence[int], activation: str = "relu", dropout: float = 0.0, **kwargs: Any
    ) -> None:
        """Create the layers; their weights are built on the first call."""
        super().__init__(**kwargs)
        self.tasks = tuple(tasks)
        self.towers = [MLPTower(units, activation, dropout, name=f"tower_{task}") for task in self.tasks]
        self.scores = [keras.layers.Dense(1, dtype="float32", name=f"score_{task}") for task in self.tasks]

    def build(self, shapes: Sequence[Shape]) -> None:
        """Build each task's MLP for vectors of its shape."""
        for tower, score, shape in zip(self.towers, self.scores, shapes, strict=True):
            tower.build(shape)
            score.build((*shape[:-1], tower.units[-1]))

    def call(self, vectors: Sequence[Tensor], training: bool | None = None) -> Tensor:
        """Compute the logits.

        Args:
            vectors: one tensor [B, c] per task.
            training: whether the call trains.

        Returns:
            float32 [B, tasks].
        """
        logits = [
            score(tower(task_vectors, training=training))
            for tower, score, task_vectors in zip(self.towers, self.scores, vectors, strict=True)
        ]
        return ops.concatenate(logits, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        tower = self.towers[0]
        return {
            **super().get_config(),
            "tasks": list(self.tasks),
            "units": list(tower.units),
            "activation": tower.activation,
            "dropout": tower.dropout,
        }
