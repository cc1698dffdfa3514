"""One table of vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.masked_ops import masked_mean
from interestflow.models.layers.embedding.huge_pages import on_large_pages
from interestflow.models.replicas import LossesByReplica


def gather_rows(table: keras.Variable, ids: Any) -> Any:
    """Rows `ids` of `table`, in the table's own dtype; ids of any shape.

    On TensorFlow `ops.take` would read the whole variable first, which copies it once rows of it are updated.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.gather(table.value, ids)
    return ops.take(table, ids, axis=0)


@dataclass(frozen=True)
class DeclaredTable:
    """A table that would have `rows` of `width`; `variable` has one of them."""

    name: str
    rows: int
    width: int
    variable: keras.Variable


_declared: list[DeclaredTable] | None = None


@contextmanager
def declared_alone() -> Iterator[list[DeclaredTable]]:
    """Tables that are made inside have one row, padding's, and are in the list that this gives."""
    global _declared
    _declared = []
    try:
        yield _declared
    finally:
        _declared = None


def rows_to_make(rows: int) -> int:
    """Of a table that would have `rows`: one inside `declared_alone`."""
    return rows if _declared is None else 1


def declare(name: str, rows: int, table: keras.Variable) -> None:
    """Inside `declared_alone`, puts `table` [1, d] on its list as one that would have `rows`."""
    if _declared is not None:
        _declared.append(DeclaredTable(name, rows, table.shape[1], table))


def _computes_at_once() -> bool:
    """Whether tensors have values now, rather than being part of a graph that is made."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return bool(tf.executing_eagerly())


def mark_as_table(variable: keras.Variable) -> keras.Variable:
    """Says of `variable` [rows, d] that it is a table, of which a step uses few rows; optimizers ask for it."""
    variable.is_table = True
    return variable


def is_table(variable: keras.Variable) -> bool:
    return getattr(variable, "is_table", False)


@keras.saving.register_keras_serializable(package="interestflow")
class EmbeddingTable(LossesByReplica, keras.layers.Layer):
    """A table of `rows` vectors of `dimension`; id 0 is padding, whose vector is always zero.

    The table is kept in float32; vectors come in the layer's compute dtype. Called several times in a step, it hands
    the optimizer the rows of all calls together.

    Ids beyond the table are an error where TensorFlow computes at once, as in tests. Within a graph looking costs too
    much: there the CPU refuses them and a GPU takes zeros. What is served maps them before the model.

    Args:
        rows: number of rows, padding's row 0 included; ids should be below it.
        dimension: width of a vector.
        l2: strength of an L2 penalty on the vectors in use: half of it times the sum of the squares of all vectors that
            the batch gathers, over the batch's size.
        initializer: of the rows; Keras's own default for embeddings.
    """

    def __init__(
        self,
        rows: int,
        dimension: int,
        l2: float = 0.0,
        initializer: Any = "uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if rows < 1 or dimension < 1:
            raise ValueError(f"`rows` and `dimension` should be at least 1, received {rows} and {dimension}")
        self.rows = rows
        self.dimension = dimension
        self.l2 = l2
        self.initializer = keras.initializers.get(initializer)

    def build(self, *_: Any) -> None:
        self.table = self.add_table("table", self.rows, self.initializer)

    def add_table(self, name: str, rows: int, initializer: Any) -> keras.Variable:
        """A weight [rows, dimension] that optimizers know as a table."""
        shape = (rows_to_make(rows), self.dimension)
        table = mark_as_table(
            self.add_weight(name=name, shape=shape, initializer=initializer, dtype="float32", autocast=False)
        )
        declare(self.name if name == "table" else f"{self.name} {name}", rows, table)
        return on_large_pages(table)

    def gather(self, ids: Any) -> Any:
        """Vectors [..., dimension], float32, of `ids` [...], padding's among them as it may be."""
        return gather_rows(self.table, ids)

    def call(self, ids: Any, training: bool | None = None) -> Any:
        """Vectors [..., dimension] of `ids` [...], whose first axis is the batch's; zeros where the id is 0.

        Raises:
            ValueError: for ids that are not from 0 to `rows - 1`, where they can be seen.
        """
        self._check(ids)
        vectors = self.gather(ids)
        vectors = vectors * ops.cast(ops.expand_dims(ids != 0, -1), vectors.dtype)
        if training and self.l2:
            self.add_loss(0.5 * self.l2 * ops.sum(ops.square(vectors)) / ops.cast(ops.shape(ids)[0], "float32"))
        return ops.cast(vectors, self.compute_dtype)

    def _check(self, ids: Any) -> None:
        if isinstance(ids, keras.KerasTensor) or not _computes_at_once():
            return
        found = ops.convert_to_numpy(ids)
        outside = found[(found < 0) | (found >= self.rows)]
        if outside.size:
            raise ValueError(f"ids of `{self.name}` should be from 0 to {self.rows - 1}, received {outside[0]}")

    def compute_output_shape(self, ids_shape: Any) -> Any:
        return (*ids_shape, self.dimension)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rows": self.rows,
            "dimension": self.dimension,
            "l2": self.l2,
            "initializer": keras.initializers.serialize(self.initializer),
        }


def embed_values(table: EmbeddingTable, ids: Any, rank: int, training: bool | None) -> Any:
    """Vectors of a category that has one value or a list of them.

    Args:
        table: the category's.
        ids: of `rank`, or with one more axis for the list; a list's vector is the mean over its values.
        rank: 1 beside the target, 2 along the history.
        training: for the table's penalty.
    """
    vectors = table(ids, training=training)
    return masked_mean(vectors, ids != 0) if len(ids.shape) > rank else vectors
