"""Edges of a collaborative graph as tensors, and the samples that training draws from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from interestflow.models.graphs.collaborative_graph import INTERACT, CollaborativeGraph
from interestflow.models.tensor import Tensor

CHUNK = 65_536
"""Largest number of edges of one relation that are projected at once."""


class GraphEdges:
    """Edges that `KGAT` learns from, as constant tensors rather than weights: a served model needs no edges.

    Args:
        graph: the collaborative graph.

    Attributes:
        heads: int32 [E], ascending.
        relations: int32 [E].
        tails: int32 [E].
        tail_order: int [E], indices that sort the edges by tail and then by head.
    """

    def __init__(self, graph: CollaborativeGraph) -> None:
        """Convert the edges to tensors, and sort the keys that samples are looked up in."""
        self.graph = graph
        self.heads, self.relations, self.tails = (
            ops.convert_to_tensor(part) for part in (graph.heads, graph.relations, graph.tails)
        )
        self.tail_order = ops.convert_to_tensor(np.lexsort((graph.heads, graph.tails)))
        heads, starts, counts = np.unique(graph.heads, return_index=True, return_counts=True)
        self._head_count = len(heads)
        self._starts, self._counts = ops.convert_to_tensor(starts), ops.convert_to_tensor(counts)
        self._triples = _sort_keys(self._triple_keys(graph.heads, graph.relations, graph.tails))
        is_interaction = graph.relations == INTERACT
        users, items = graph.heads[is_interaction].astype(np.int64), graph.tails[is_interaction]
        self._interactions = _sort_keys(users * graph.item_rows + items - graph.user_rows)
        interacted = np.unique(items) - graph.user_rows
        interacted = interacted if len(interacted) else np.arange(1, graph.item_rows)
        self._interacted_items = ops.convert_to_tensor(interacted)

    def has_interaction(self, users: Tensor, items: Tensor) -> Tensor:
        """Return bool [B], whether users, by id int [B], interacted with items, by id int [B], in training."""
        keys = ops.cast(users, "int64") * self.graph.item_rows + ops.cast(items, "int64")
        return _contains(self._interactions, keys)

    def sample_items(self, count: Tensor | int, seed: keras.random.SeedGenerator) -> Tensor:
        """Draw ids [count] uniformly from the items that somebody interacted with in training."""
        indices = keras.random.randint((count,), 0, self._interacted_items.shape[0], seed=seed)
        return ops.take(self._interacted_items, indices)

    def sample_triples(
        self, count: int, seed: keras.random.SeedGenerator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Draw triples, and another tail for each.

        As in the authors' code, heads are drawn uniformly regardless of their number of edges, then one of the head's
        edges is drawn. The other tail is any node.

        Args:
            count: number of triples.
            seed: `keras.random.SeedGenerator`.

        Returns:
            Heads, relations, tails and other tails, int32 [count] each, and bool [count], true where the triple of the
            other tail is not in the graph.
        """
        head_indices = keras.random.randint((count,), 0, self._head_count, seed=seed)
        starts, counts = ops.take(self._starts, head_indices), ops.take(self._counts, head_indices)
        offsets = ops.cast(keras.random.uniform((count,), seed=seed) * ops.cast(counts, "float32"), counts.dtype)
        edges = starts + ops.minimum(offsets, counts - 1)
        heads, relations, tails = (ops.take(part, edges) for part in (self.heads, self.relations, self.tails))
        other_tails = keras.random.randint((count,), 0, self.graph.node_count, seed=seed)
        is_negative = ops.logical_not(_contains(self._triples, self._triple_keys(heads, relations, other_tails)))
        return heads, relations, tails, other_tails, is_negative

    def relation_chunks(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield all edges in chunks of one relation: the relation, and the indices of at most `CHUNK` edges."""
        order = np.argsort(self.graph.relations, kind="stable")
        bounds = np.searchsorted(self.graph.relations[order], np.arange(self.graph.relation_count + 1))
        for relation in range(self.graph.relation_count):
            for start in range(bounds[relation], bounds[relation + 1], CHUNK):
                yield relation, order[start : min(start + CHUNK, bounds[relation + 1])]

    def _triple_keys(self, heads: Any, relations: Any, tails: Any) -> Any:
        """Return an int64 key for each triple; an array for arrays and a tensor for tensors."""
        heads, relations, tails = (
            part.astype(np.int64) if isinstance(part, np.ndarray) else ops.cast(part, "int64")
            for part in (heads, relations, tails)
        )
        return (heads * self.graph.relation_count + relations) * self.graph.node_count + tails


def _sort_keys(keys: np.ndarray) -> Tensor:
    """Return the keys in ascending order, preceded by -1, which is not a key, so that the tensor is never empty."""
    return ops.convert_to_tensor(np.concatenate([[-1], np.sort(keys)]).astype(np.int64))


def _contains(ordered: Tensor, keys: Tensor) -> Tensor:
    """Return bool [B], whether keys [B] are among the ascending keys `ordered`."""
    indices = ops.minimum(ops.searchsorted(ordered, keys), ordered.shape[0] - 1)
    return ops.take(ordered, indices) == keys
