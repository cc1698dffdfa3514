"""Learned embeddings of the distance in time between each behaviour and the target."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.embedding.gather import gather_rows
from interestflow.models.tensor import Shape, Tensor

INITIAL_DEVIATION = 0.05
"""Standard deviation of initial embeddings: small, but not zero, which would carry no order at all."""


@keras.saving.register_keras_serializable(package="interestflow")
class TemporalEncoding(keras.layers.Layer):
    """Learned table of embeddings: row 0 is that of the target, row `t` that of behaviours at distance `t`.

    Padding has distance 0 too; the mask distinguishes it from the target. Table and gradient are kept in float32: all
    behaviours of a batch add to few rows, more than half precision can sum, and a GPU would take a hundred times as
    long for it.

    Args:
        distances: largest distance; longer ones share its embedding.
        dimension: size of an embedding.

    Example:

    >>> encoding = TemporalEncoding(distances=20, dimension=8)
    >>> mask = ops.array([[True, True, False]])
    >>> tuple(encoding(positions_from_end(mask)).shape), tuple(encoding.target.shape)
    ((1, 3, 8), (1, 8))

    Reference:
        Temporal Interest Network (arXiv 2308.08487), target-aware temporal encoding.
    """

    def __init__(self, distances: int, dimension: int, **kwargs: Any) -> None:
        """Store the sizes."""
        super().__init__(**kwargs)
        if distances < 1 or dimension < 1:
            raise ValueError(f"`distances` and `dimension` should be at least 1, received {distances} and {dimension}")
        self.distances = distances
        self.dimension = dimension

    def build(self, *_: Shape) -> None:
        """Create the table [distances + 1, dimension]."""
        self.table = self.add_weight(
            name="table",
            shape=(self.distances + 1, self.dimension),
            initializer=keras.initializers.RandomNormal(stddev=INITIAL_DEVIATION),
            dtype="float32",
            autocast=False,
        )

    def call(self, distances: Tensor) -> Tensor:
        """Embed distances int [B, T]: [B, T, dimension]."""
        rows = ops.clip(ops.cast(distances, "int32"), 0, self.distances)
        return ops.cast(gather_rows(self.table, rows), self.compute_dtype)

    @property
    def target(self) -> Tensor:
        """The target's embedding, [1, dimension]."""
        return ops.cast(ops.convert_to_tensor(self.table)[:1], self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "distances": self.distances, "dimension": self.dimension}


def positions_from_end(mask: Tensor) -> Tensor:
    """Count positions back from each row's newest behaviour.

    Counted from the beginning, or from the end of the padding, the same behaviour would be at another position in every
    row.

    Args:
        mask: bool [B, T], true where there is a behaviour.

    Returns:
        int32 [B, T]: 1 for the newest behaviour, 2 for the one before it, and so on; 0 for padding.
    """
    valid = ops.cast(mask, "int32")
    length = ops.sum(valid, axis=1, keepdims=True)
    return (length + 1 - ops.cumsum(valid, axis=1)) * valid
