"""When a behaviour was, relative to the target, as a vector."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.embedding.gather import gather_rows

INITIAL = 0.05
"""Standard deviation of fresh rows: small, but frozen at zero there would be no order at all."""


@keras.saving.register_keras_serializable(package="interestflow")
class TemporalEncoding(keras.layers.Layer):
    """A learned table of which row 0 is the target's own and row `t` that of behaviours at distance `t`.

    Temporal Interest Network (arXiv 2308.08487), target-aware temporal encoding. Padding has distance 0 too: it is the
    mask that tells it from the target. The table is kept in float32, and so is its gradient: few rows are what all
    behaviours of a batch add to, more than half precision can add up, and a GPU takes a hundred times as long to try.

    Args:
        distances: the largest; those beyond share its row.
        dimension: width of a vector.
    """

    def __init__(self, distances: int, dimension: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if distances < 1 or dimension < 1:
            raise ValueError(f"`distances` and `dimension` should be at least 1, received {distances} and {dimension}")
        self.distances = distances
        self.dimension = dimension

    def build(self, *_: Any) -> None:
        self.table = self.add_weight(
            name="table",
            shape=(self.distances + 1, self.dimension),
            initializer=keras.initializers.RandomNormal(stddev=INITIAL),
            dtype="float32",
            autocast=False,
        )

    def call(self, distances: Any) -> Any:
        """Vectors [B, T, dimension] of distances [B, T], integers."""
        rows = ops.clip(ops.cast(distances, "int32"), 0, self.distances)
        return ops.cast(gather_rows(self.table, rows), self.compute_dtype)

    @property
    def target(self) -> Any:
        """The target's vector, [1, dimension]."""
        return ops.cast(ops.convert_to_tensor(self.table)[:1], self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "distances": self.distances, "dimension": self.dimension}


def positions_from_end(mask: Any) -> Any:
    """int32 [B, T]: 1 for the newest valid step of a mask [B, T], 2 for the one before it, and so on; 0 for padding.

    From each row's own length: counted from the beginning, or from the end of the padding, the same behaviour would be
    at another distance in every row.
    """
    valid = ops.cast(mask, "int32")
    length = ops.sum(valid, axis=1, keepdims=True)
    return (length + 1 - ops.cumsum(valid, axis=1)) * valid
