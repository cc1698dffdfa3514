"""Entities and relations in spaces of the relations: TransR (Lin et al., AAAI 2015), as KGAT uses it."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.embedding.gather import gather_rows

BLOCK = 32
"""Rows of one relation that are projected by one product."""


@keras.saving.register_keras_serializable(package="interestflow")
class TransR(keras.layers.Layer):
    """A relation `r` is a vector `e_r` in a space of its own, into which `W_r` takes the vectors of nodes.

    KGAT (arXiv 1905.07854): a triple is as unlikely as its distance (equation 1), and a neighbour as important as its
    score (equation 4):

        g(h, r, t)  = | W_r e_h + e_r - W_r e_t |^2
        pi(h, r, t) = (W_r e_t)' tanh(W_r e_h + e_r)

    Args:
        relations: how many.
        node_dimension: width of the nodes' vectors.
        dimension: of the relations' spaces.
    """

    def __init__(self, relations: int, node_dimension: int, dimension: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.relations = relations
        self.node_dimension = node_dimension
        self.dimension = dimension

    def build(self, *_: Any) -> None:
        def weight(name: str, *shape: int) -> Any:
            return self.add_weight(
                name=name, shape=(self.relations, *shape), initializer="glorot_uniform", autocast=False
            )

        self.vectors = weight("vectors", self.dimension)
        self.projections = weight("projections", self.node_dimension, self.dimension)

    def scores(self, relation: Any, heads: Any, tails: Any) -> Any:
        """`pi` [...] of edges of one relation, from vectors [..., d] of their heads and tails."""
        matrix = gather_rows(self.projections, relation)
        moved = ops.matmul(heads, matrix) + gather_rows(self.vectors, relation)
        return ops.sum(ops.matmul(tails, matrix) * ops.tanh(moved), axis=-1)

    def distances(self, relations: Any, heads: Any, tails: Any) -> Any:
        """`g` [B] of triples, from relations [B] and vectors [B, d] of heads and tails."""
        of_relations, head, tail = self._in_spaces_of(relations, heads, tails)
        return _distance(head, of_relations, tail)

    def losses(self, relations: Any, heads: Any, tails: Any, corrupted: Any, l2: float) -> Any:
        """Losses [B] of triples against the same with another tail: KGAT, equation 2.

        `softplus(g(h, r, t) - g(h, r, t'))` and half of `l2` times the squares of all four vectors in the relation's
        space, as in the authors' code.

        Args:
            relations: [B].
            heads, tails, corrupted: vectors [B, d].
            l2: strength of the penalty.
        """
        vectors = self._in_spaces_of(relations, heads, tails, corrupted)
        of_relations, head, tail, other = vectors
        losses = ops.softplus(_distance(head, of_relations, tail) - _distance(head, of_relations, other))
        return losses + 0.5 * l2 * sum(ops.sum(ops.square(vector), axis=-1) for vector in vectors)

    def _in_spaces_of(self, relations: Any, *nodes: Any) -> list[Any]:
        """`e_r` and the projections of nodes' vectors, [B, k] each."""
        places, of_blocks = _in_blocks(relations, self.relations)
        together = ops.stack(nodes, axis=1)
        sizes = together.shape[1:]
        padded = ops.scatter(ops.expand_dims(places, -1), together, (len(of_blocks) * BLOCK, *sizes))
        blocks = ops.reshape(padded, (len(of_blocks), BLOCK * sizes[0], sizes[1]))
        projected = ops.matmul(blocks, gather_rows(self.projections, of_blocks))
        rows = ops.take(ops.reshape(projected, (-1, sizes[0], self.dimension)), places, axis=0)
        return [gather_rows(self.vectors, relations), *ops.unstack(rows, axis=1)]

    def get_config(self) -> dict[str, Any]:
        sizes = {"relations": self.relations, "node_dimension": self.node_dimension, "dimension": self.dimension}
        return {**super().get_config(), **sizes}


def _in_blocks(relations: Any, count: int) -> tuple[Any, Any]:
    """Where rows lie if each relation has blocks of its own: places [B], and the relation of every block.

    A block gathers one matrix, where every row by itself would gather one of `d k` numbers, and write as much for its
    gradient. Blocks are as many as they may have to be, so that shapes are known.
    """
    relations = ops.convert_to_tensor(relations, "int32")
    rows = relations.shape[0]
    counts = ops.sum(ops.one_hot(relations, count, dtype="int32"), axis=0)
    blocks = (counts + BLOCK - 1) // BLOCK
    ends = ops.cumsum(blocks)
    starts = BLOCK * (ends - blocks)
    order = ops.cast(ops.argsort(relations), "int32")
    ordered = ops.take(relations, order)
    places = ops.arange(rows) + ops.take(starts - ops.cumsum(counts) + counts, ordered)
    of_blocks = ops.searchsorted(ends, ops.arange(-(-rows // BLOCK) + count), side="right")
    return ops.scatter(ops.expand_dims(order, -1), places, (rows,)), ops.minimum(of_blocks, count - 1)


def _distance(heads: Any, relations: Any, tails: Any) -> Any:
    return ops.sum(ops.square(heads + relations - tails), axis=-1)
