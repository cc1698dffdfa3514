"""Embeddings composed from two small tables, by quotient and remainder of the id."""

from __future__ import annotations

from typing import Any, Literal

import keras

from interestflow.models.inputs import QuotientRemainder
from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.layers.embedding.gather import gather_rows
from interestflow.models.tensor import Shape, Tensor

QUOTIENT_RANGES = {"product": (0.5, 1.5), "sum": (-0.05, 0.05)}
"""Range of the initial quotient embeddings by `combine`."""


@keras.saving.register_keras_serializable(package="interestflow")
class QuotientRemainderTable(EmbeddingTable):
    """Embeddings of `rows` ids from two tables, of `ceil(rows / buckets)` and of `buckets` rows.

        vector(id) = quotient[id // buckets] * remainder[id % buckets]     or their sum, with `combine`

    No two ids share both rows, so that each id has a vector of its own, whereas hashing into few buckets gives many ids
    the same vector. Id 0 is padding, whose vector is always zero. Initial quotients lie within `QUOTIENT_RANGES`, those
    of a product around 1, so that vectors are about as long as those of a plain table; this is our choice.

    Args:
        rows: number of ids, including 0 for padding. Ids are smaller.
        dimension: size of an embedding.
        buckets: rows of the table of remainders.
        combine: `product`, elementwise, or `sum`.
        l2: see `EmbeddingTable`; of the vectors, not of the rows that they are composed from.
        initializer: initializer of the table of remainders.

    Example:

    >>> table = QuotientRemainderTable(rows=1000, dimension=8, buckets=32)
    >>> tuple(table(ops.array([[999, 0]])).shape), table.count_params()  # 32 + 32 rows of 8 numbers
    ((1, 2, 8), 512)

    Reference:
        Shi et al., Compositional Embeddings Using Complementary Partitions, KDD 2020 (arXiv 1909.02107), the
        quotient-remainder trick.
    """

    def __init__(
        self,
        rows: int,
        dimension: int,
        buckets: int,
        combine: Literal["product", "sum"] = "product",
        l2: float = 0.0,
        initializer: str | keras.initializers.Initializer = "uniform",
        **kwargs: Any,
    ) -> None:
        """Store the sizes; the tables are allocated by `build`."""
        super().__init__(rows, dimension, l2, initializer, **kwargs)
        if not 2 <= buckets < rows:
            raise ValueError(f"`buckets` should be at least 2 and less than the {rows:,} rows, received {buckets:,}")
        if combine not in ("product", "sum"):
            raise ValueError(f"`combine` should be product or sum, received {combine!r}")
        self.buckets = buckets
        self.combine = combine

    def build(self, *_: Shape) -> None:
        """Allocate the two tables."""
        # Not the same initializer: it would return the same numbers, and ids of equal tables would share sums.
        quotients = keras.initializers.RandomUniform(*QUOTIENT_RANGES[self.combine])
        self.quotient = self.add_table("quotient", -(-self.rows // self.buckets), quotients)
        self.remainder = self.add_table("remainder", self.buckets, self.initializer)

    def gather(self, ids: Tensor) -> Tensor:
        """Compose float32 embeddings [..., dimension] of `ids` [...], without zeroing those of padding."""
        quotient, remainder = (
            gather_rows(self.quotient, ids // self.buckets),
            gather_rows(self.remainder, ids % self.buckets),
        )
        return quotient * remainder if self.combine == "product" else quotient + remainder

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "buckets": self.buckets, "combine": self.combine}


def build_table(
    rows: int, dimension: int, layout: QuotientRemainder | None, l2: float = 0.0, name: str | None = None
) -> EmbeddingTable:
    """Build the table of `rows` ids in its `layout`, or with one row for each id if there is none."""
    if layout is None:
        return EmbeddingTable(rows, dimension, l2, name=name)
    return QuotientRemainderTable(rows, dimension, layout.buckets, layout.combine, l2, name=name)
