"""A table in two small ones: ids are told apart by quotient and remainder together."""

from __future__ import annotations

from typing import Any, Literal

import keras

from interestflow.models.inputs import QuotientRemainder
from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.layers.embedding.gather import gather_rows

QUOTIENTS = {"product": (0.5, 1.5), "sum": (-0.05, 0.05)}


@keras.saving.register_keras_serializable(package="interestflow")
class QuotientRemainderTable(EmbeddingTable):
    """Vectors of `rows` ids from two tables, of `ceil(rows / buckets)` and of `buckets` rows.

        vector(id) = quotient[id // buckets] * remainder[id % buckets]     or their sum, with `combine`

    No two ids have both rows in common, so that each has a vector of its own, where hashing into few buckets gives one
    vector to many. Id 0 is padding, whose vector is always zero. Shi et al., Compositional Embeddings Using
    Complementary Partitions, KDD 2020, arXiv 1909.02107, the quotient-remainder trick. To begin with, quotients lie
    within `QUOTIENTS`, a product's around 1 so that vectors are about as long as those of a plain table; our choice.

    Args:
        rows: number of ids, padding's 0 included; ids should be below it.
        dimension: width of a vector.
        buckets: rows of the table of remainders.
        combine: `product`, elementwise, or `sum`.
        l2: see `EmbeddingTable`; of the vectors, not of the rows that they come from.
        initializer: of the remainders' rows.
    """

    def __init__(
        self,
        rows: int,
        dimension: int,
        buckets: int,
        combine: Literal["product", "sum"] = "product",
        l2: float = 0.0,
        initializer: Any = "uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(rows, dimension, l2, initializer, **kwargs)
        if not 2 <= buckets < rows:
            raise ValueError(f"`buckets` should be at least 2 and less than the {rows:,} rows, received {buckets:,}")
        if combine not in ("product", "sum"):
            raise ValueError(f"`combine` should be product or sum, received {combine!r}")
        self.buckets = buckets
        self.combine = combine

    def build(self, *_: Any) -> None:
        # An initializer gives the same numbers each time, and with equal tables ids would have sums in common.
        quotients = keras.initializers.RandomUniform(*QUOTIENTS[self.combine])
        self.quotient = self.add_table("quotient", -(-self.rows // self.buckets), quotients)
        self.remainder = self.add_table("remainder", self.buckets, self.initializer)

    def gather(self, ids: Any) -> Any:
        quotient, remainder = (
            gather_rows(self.quotient, ids // self.buckets),
            gather_rows(self.remainder, ids % self.buckets),
        )
        return quotient * remainder if self.combine == "product" else quotient + remainder

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "buckets": self.buckets, "combine": self.combine}


def build_table(
    rows: int, dimension: int, layout: QuotientRemainder | None, l2: float = 0.0, name: str | None = None
) -> EmbeddingTable:
    """The table of `rows` ids in its `layout`; None is a row for every id."""
    if layout is None:
        return EmbeddingTable(rows, dimension, l2, name=name)
    return QuotientRemainderTable(rows, dimension, layout.buckets, layout.combine, l2, name=name)
