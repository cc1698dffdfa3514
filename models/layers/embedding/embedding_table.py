"""Embedding table whose id 0 is padding."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.masked_ops import masked_mean
from interestflow.models.layers.embedding.declared_tables import (
    declare_table,
    mark_as_table,
    place_table,
    rows_to_allocate,
    table_initializer,
)
from interestflow.models.layers.embedding.gather import gather_rows
from interestflow.models.replicas import LossesByReplica
from interestflow.models.tensor import Shape, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class EmbeddingTable(LossesByReplica, keras.layers.Layer):
    """Embedding table of `rows` ids; id 0 is padding and has the zero vector.

    The table is kept in float32, and embeddings come in the layer's compute dtype. If the layer is called several times
    in a step, the optimizer receives the rows of all calls together.

    Ids beyond the table raise an error where TensorFlow executes eagerly, as in tests. Within a graph the check costs
    too much: there the lookup raises an error on a CPU and returns zeros on a GPU. A served model maps such ids before
    the lookup.

    Args:
        rows: number of rows, including row 0 for padding. Ids are smaller.
        dimension: size of an embedding.
        l2: strength of an L2 penalty on the embeddings in use, half of which multiplies the sum of squares of all
            embeddings that a batch looks up, divided by the batch size.
        initializer: initializer of the table; the default is that of `keras.layers.Embedding`.

    Example:

    >>> table = EmbeddingTable(rows=4, dimension=2, initializer="ones")
    >>> np.asarray(table(ops.array([3, 0])))
    array([[1., 1.],
           [0., 0.]], dtype=float32)
    """

    def __init__(
        self,
        rows: int,
        dimension: int,
        l2: float = 0.0,
        initializer: str | keras.initializers.Initializer = "uniform",
        **kwargs: Any,
    ) -> None:
        """Store the sizes; the table is allocated by `build`."""
        super().__init__(**kwargs)
        if rows < 1 or dimension < 1:
            raise ValueError(f"`rows` and `dimension` should be at least 1, received {rows} and {dimension}")
        self.rows = rows
        self.dimension = dimension
        self.l2 = l2
        self.initializer = keras.initializers.get(initializer)

    def build(self, *_: Shape) -> None:
        """Allocate the table."""
        self.table = self.add_table("table", self.rows, self.initializer)

    def add_table(self, name: str, rows: int, initializer: keras.initializers.Initializer) -> keras.Variable:
        """Add a weight [rows, dimension] that optimizers recognize as an embedding table."""
        shape = (rows_to_allocate(rows), self.dimension)
        initial = table_initializer(initializer)
        table = mark_as_table(
            self.add_weight(name=name, shape=shape, initializer=initial, dtype="float32", autocast=False)
        )
        declare_table(self.name if name == "table" else f"{self.name} {name}", rows, table)
        return place_table(table)

    def gather(self, ids: Tensor) -> Tensor:
        """Look up float32 embeddings [..., dimension] of `ids` [...], without zeroing those of padding."""
        return gather_rows(self.table, ids)

    def call(self, ids: Tensor, training: bool | None = None, zero_padding: bool = True) -> Tensor:
        """Look up embeddings.

        Args:
            ids: integers [B, ...], 0 where padded.
            training: whether to add the L2 penalty.
            zero_padding: whether padding gets the zero vector, at the cost of a pass over the embeddings, and of
                another in the backward pass. Without it padding gets any finite vector: for callers that mask
                whatever they compute from it, through which no gradient reaches row 0.

        Returns:
            [B, ..., dimension]; zeros where the id is 0, with `zero_padding`.

        Raises:
            ValueError: if an id is not from 0 to `rows - 1` and ids have values, that is, outside of a graph.
        """
        self._check_ids(ids)
        vectors = self.gather(ids)
        has_penalty = bool(training and self.l2)
        if zero_padding or has_penalty:
            vectors = vectors * ops.cast(ops.expand_dims(ids != 0, -1), vectors.dtype)
        if has_penalty:
            self.add_loss(0.5 * self.l2 * ops.sum(ops.square(vectors)) / ops.cast(ops.shape(ids)[0], "float32"))
        return ops.cast(vectors, self.compute_dtype)

    def _check_ids(self, ids: Tensor) -> None:
        if isinstance(ids, keras.KerasTensor) or not _is_eager():
            return
        values = ops.convert_to_numpy(ids)
        outside = values[(values < 0) | (values >= self.rows)]
        if outside.size:
            raise ValueError(f"ids of `{self.name}` should be from 0 to {self.rows - 1}, received {outside[0]}")

    def compute_output_shape(self, ids_shape: Shape) -> Shape:
        """Return the shape of the ids, followed by the embeddings' size."""
        return (*ids_shape, self.dimension)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "rows": self.rows,
            "dimension": self.dimension,
            "l2": self.l2,
            "initializer": keras.initializers.serialize(self.initializer),
        }


def embed_values(
    table: EmbeddingTable, ids: Tensor, rank: int, training: bool | None, zero_padding: bool = True
) -> Tensor:
    """Look up the embeddings of a category that has one value or a list of values.

    Args:
        table: table of the category.
        ids: integers of rank `rank`, or with one more axis for a list of values, padded by 0.
        rank: 1 for a category of the target ([B]), 2 for one along the history ([B, T]).
        training: whether the table adds its penalty.
        zero_padding: see `EmbeddingTable.call`.

    Returns:
        [B, d] or [B, T, d]; the embedding of a list is the mean over its values.
    """
    if len(ids.shape) == rank:
        return table(ids, training=training, zero_padding=zero_padding)
    return masked_mean(table(ids, training=training, zero_padding=False), ids != 0)


def _is_eager() -> bool:
    """Return whether tensors have values, rather than being symbols of a graph that is traced."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return bool(tf.executing_eagerly())
