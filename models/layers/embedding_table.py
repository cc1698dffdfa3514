"""One table of vectors, read once a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


def gather_rows(table: keras.Variable, ids: Any) -> Any:
    """Rows `ids` of `table`, in the table's own dtype; ids of any shape.

    On TensorFlow `ops.take` would read the whole variable first, which copies it once rows of it are updated.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.gather(table.value, ids)
    return ops.take(table, ids, axis=0)


@keras.saving.register_keras_serializable(package="interestflow")
class EmbeddingTable(keras.layers.Layer):
    """A table of `rows` vectors of `dimension`; id 0 is padding, whose vector is always zero.

    All ids of a step go through one call and one gather, so that the gradient reaches the optimizer as one set of
    rows. The table is kept in float32; vectors come in the layer's compute dtype.

    Args:
        rows: number of rows, padding's row 0 included; ids should be below it.
        dimension: width of a vector.
        l2: strength of an L2 penalty on the vectors in use: half of it times the sum of the squares of all vectors that
            the batch gathers, over the batch's size.
        initializer: of the rows; Keras's own default for embeddings.
        penalty: a layer of `(ids [N], vectors [N, dimension]) -> loss`, added in training.
    """

    def __init__(
        self,
        rows: int,
        dimension: int,
        l2: float = 0.0,
        initializer: Any = "uniform",
        penalty: keras.layers.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if rows < 1 or dimension < 1:
            raise ValueError(f"`rows` and `dimension` should be at least 1, received {rows} and {dimension}")
        self.rows = rows
        self.dimension = dimension
        self.l2 = l2
        self.initializer = keras.initializers.get(initializer)
        self.penalty = penalty

    def build(self, *_: Any) -> None:
        self.table = self.add_weight(
            name="table",
            shape=(self.rows, self.dimension),
            initializer=self.initializer,
            dtype="float32",
            autocast=False,
        )
        if self.penalty is not None:
            self.penalty.build(None, None)

    def call(self, ids: Sequence[Any], training: bool | None = None) -> tuple[Any, ...]:
        """Vectors [..., dimension] for each tensor of `ids` [...], the first axis of each being the batch's."""
        flat = ops.concatenate([ops.reshape(part, (-1,)) for part in ids], axis=0)
        vectors = gather_rows(self.table, flat)
        vectors = vectors * ops.cast(ops.expand_dims(flat != 0, -1), vectors.dtype)
        if self.l2 and training:
            batch = ops.cast(ops.shape(ids[0])[0], "float32")
            self.add_loss(0.5 * self.l2 * ops.sum(ops.square(vectors)) / batch)
        if self.penalty is not None and training:
            self.add_loss(self.penalty(flat, vectors))
        vectors = ops.cast(vectors, self.compute_dtype)
        parts, start = [], 0
        for part in ids:
            shape = ops.shape(part)
            size = 1
            for extent in shape:
                size = size * extent
            parts.append(ops.reshape(vectors[start : start + size], (*shape, self.dimension)))
            start = start + size
        return tuple(parts)

    def compute_output_shape(self, ids_shape: Any) -> Any:
        return tuple((*shape, self.dimension) for shape in ids_shape)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> EmbeddingTable:
        return cls(**{**config, "penalty": keras.saving.deserialize_keras_object(config["penalty"])})

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rows": self.rows,
            "dimension": self.dimension,
            "l2": self.l2,
            "initializer": keras.initializers.serialize(self.initializer),
            "penalty": keras.saving.serialize_keras_object(self.penalty),
        }
