"""TransR: embeddings of relations, and projections of nodes into the space of each relation."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.embedding.gather import gather_rows
from interestflow.models.tensor import Shape, Tensor

BLOCK = 32
"""Rows of one relation that are projected by one product."""


@keras.saving.register_keras_serializable(package="interestflow")
class TransR(keras.layers.Layer):
    """Relations `r` as vectors `e_r` in spaces of their own, into which `W_r` projects the vectors of nodes.

    The larger its distance, the less likely is a triple; the higher its score, the more important is a neighbour:

        g(h, r, t)  = | W_r e_h + e_r - W_r e_t |^2
        pi(h, r, t) = (W_r e_t)' tanh(W_r e_h + e_r)

    Args:
        relations: number of relations.
        node_dimension: size `d` of a node's vector.
        dimension: size `k` of a relation's vector.

    Example:

    >>> layer = TransR(relations=3, node_dimension=8, dimension=4)
    >>> layer.build()
    >>> heads, tails = ops.ones((5, 8)), ops.zeros((5, 8))
    >>> tuple(layer.distances(ops.array([0, 2, 1, 1, 0]), heads, tails).shape)
    (5,)

    Reference:
        Lin et al., AAAI 2015; KGAT (arXiv 1905.07854), equations 1 (distance), 2 (loss) and 4 (score).
    """

    def __init__(self, relations: int, node_dimension: int, dimension: int, **kwargs: Any) -> None:
        """Store the sizes."""
        super().__init__(**kwargs)
        self.relations = relations
        self.node_dimension = node_dimension
        self.dimension = dimension

    def build(self, *_: Shape) -> None:
        """Create the vectors [R, k] and the projections [R, d, k]."""

        def weight(name: str, *shape: int) -> keras.Variable:
            return self.add_weight(
                name=name, shape=(self.relations, *shape), initializer="glorot_uniform", autocast=False
            )

        self.vectors = weight("vectors", self.dimension)
        self.projections = weight("projections", self.node_dimension, self.dimension)

    def scores(self, relation: Tensor | int, heads: Tensor, tails: Tensor) -> Tensor:
        """Compute `pi` [...] of edges of one relation, from vectors [..., d] of their heads and tails."""
        projection = gather_rows(self.projections, relation)
        translated = ops.matmul(heads, projection) + gather_rows(self.vectors, relation)
        return ops.sum(ops.matmul(tails, projection) * ops.tanh(translated), axis=-1)

    def distances(self, relations: Tensor, heads: Tensor, tails: Tensor) -> Tensor:
        """Compute `g` [B] of triples, from relations int [B] and vectors [B, d] of heads and tails."""
        relation, head, tail = self._project(relations, heads, tails)
        return _distance(head, relation, tail)

    def losses(self, relations: Tensor, heads: Tensor, tails: Tensor, corrupted: Tensor, l2: float) -> Tensor:
        """Compute the pairwise losses of triples against the same triples with another tail.

        `softplus(g(h, r, t) - g(h, r, t'))`, and half of `l2` times the squares of all four vectors in the relation's
        space, as in the authors' code.

        Args:
            relations: int [B].
            heads: vectors [B, d].
            tails: vectors [B, d].
            corrupted: vectors [B, d] of the other tails.
            l2: strength of the penalty.

        Returns:
            [B].
        """
        vectors = self._project(relations, heads, tails, corrupted)
        relation, head, tail, other = vectors
        losses = ops.softplus(_distance(head, relation, tail) - _distance(head, relation, other))
        return losses + 0.5 * l2 * sum(ops.sum(ops.square(vector), axis=-1) for vector in vectors)

    def _project(self, relations: Tensor, *nodes: Tensor) -> list[Tensor]:
        """Return `e_r` and the projections of nodes' vectors, [B, k] each."""
        positions, block_relations = _assign_blocks(relations, self.relations)
        stacked = ops.stack(nodes, axis=1)
        sizes = stacked.shape[1:]
        padded = ops.scatter(ops.expand_dims(positions, -1), stacked, (block_relations.shape[0] * BLOCK, *sizes))
        blocks = ops.reshape(padded, (block_relations.shape[0], BLOCK * sizes[0], sizes[1]))
        projected = ops.matmul(blocks, gather_rows(self.projections, block_relations))
        rows = ops.take(ops.reshape(projected, (-1, sizes[0], self.dimension)), positions, axis=0)
        return [gather_rows(self.vectors, relations), *ops.unstack(rows, axis=1)]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        sizes = {"relations": self.relations, "node_dimension": self.node_dimension, "dimension": self.dimension}
        return {**super().get_config(), **sizes}


def _assign_blocks(relations: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Assign rows to blocks of one relation each: positions [B] of the rows, and the relation of every block.

    A block gathers one matrix. Without blocks every row would gather a matrix of `d k` numbers, and write as many for
    its gradient. There are as many blocks as can be needed, so that shapes are static.
    """
    relations = ops.convert_to_tensor(relations, "int32")
    rows = relations.shape[0]
    counts = ops.sum(ops.one_hot(relations, count, dtype="int32"), axis=0)
    blocks = (counts + BLOCK - 1) // BLOCK
    ends = ops.cumsum(blocks)
    starts = BLOCK * (ends - blocks)
    order = ops.cast(ops.argsort(relations), "int32")
    ordered = ops.take(relations, order)
    positions = ops.arange(rows) + ops.take(starts - ops.cumsum(counts) + counts, ordered)
    block_relations = ops.searchsorted(ends, ops.arange(-(-rows // BLOCK) + count), side="right")
    return ops.scatter(ops.expand_dims(order, -1), positions, (rows,)), ops.minimum(block_relations, count - 1)


def _distance(heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
    return ops.sum(ops.square(heads + relations - tails), axis=-1)
