"""The edges of a collaborative graph as tensors, and what training draws from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from interestflow.models.graphs.collaborative_graph import INTERACT, CollaborativeGraph

CHUNK = 65_536
"""Edges of one relation that are projected at once."""


class GraphEdges:
    """What `KGAT` learns from. Tensors, not weights: a model that only serves needs no edge.

    Attributes:
        heads, relations, tails: int32 [E], in the order of heads.
        tail_order: [E], their places in the order of tails, and of heads among those of one tail.
    """

    def __init__(self, graph: CollaborativeGraph) -> None:
        self.graph = graph
        self.heads, self.relations, self.tails = (
            ops.convert_to_tensor(part) for part in (graph.heads, graph.relations, graph.tails)
        )
        self.tail_order = ops.convert_to_tensor(np.lexsort((graph.heads, graph.tails)))
        heads, starts, counts = np.unique(graph.heads, return_index=True, return_counts=True)
        self._head_count = len(heads)
        self._starts, self._counts = ops.convert_to_tensor(starts), ops.convert_to_tensor(counts)
        self._triples = _sorted_keys(self._triple_keys(graph.heads, graph.relations, graph.tails))
        took = graph.relations == INTERACT
        pairs = graph.heads[took].astype(np.int64) * graph.item_rows + graph.tails[took] - graph.user_rows
        self._interactions = _sorted_keys(pairs)
        taken = np.unique(graph.tails[took]) - graph.user_rows
        self._taken_items = ops.convert_to_tensor(taken if len(taken) else np.arange(1, graph.item_rows))

    def has_interaction(self, users: Any, items: Any) -> Any:
        """[B], whether users of ids [B] took items of ids [B] in training."""
        return _among(self._interactions, ops.cast(users, "int64") * self.graph.item_rows + ops.cast(items, "int64"))

    def sample_items(self, count: Any, seed: Any) -> Any:
        """Ids [count] of items that somebody took in training, all alike."""
        places = keras.random.randint((count,), 0, self._taken_items.shape[0], seed=seed)
        return ops.take(self._taken_items, places)

    def sample_triples(self, count: int, seed: Any) -> tuple[Any, Any, Any, Any, Any]:
        """Heads, relations, tails, other tails [count], and which of the others make no triple of the graph.

        As the authors: a head by itself, whatever its edges, then one of them; the other tail is any node.
        """
        which = keras.random.randint((count,), 0, self._head_count, seed=seed)
        starts, counts = ops.take(self._starts, which), ops.take(self._counts, which)
        place = ops.cast(keras.random.uniform((count,), seed=seed) * ops.cast(counts, "float32"), counts.dtype)
        edges = starts + ops.minimum(place, counts - 1)
        heads, relations, tails = (ops.take(part, edges) for part in (self.heads, self.relations, self.tails))
        others = keras.random.randint((count,), 0, self.graph.node_count, seed=seed)
        false = ops.logical_not(_among(self._triples, self._triple_keys(heads, relations, others)))
        return heads, relations, tails, others, false

    def relation_chunks(self) -> Iterator[tuple[int, np.ndarray]]:
        """Every relation with the places of at most `CHUNK` of its edges, until all edges have come."""
        order = np.argsort(self.graph.relations, kind="stable")
        bounds = np.searchsorted(self.graph.relations[order], np.arange(self.graph.relation_count + 1))
        for relation in range(self.graph.relation_count):
            for start in range(bounds[relation], bounds[relation + 1], CHUNK):
                yield relation, order[start : min(start + CHUNK, bounds[relation + 1])]

    def _triple_keys(self, heads: Any, relations: Any, tails: Any) -> Any:
        """A number for each triple, from arrays or tensors."""
        heads, relations, tails = (
            part.astype(np.int64) if isinstance(part, np.ndarray) else ops.cast(part, "int64")
            for part in (heads, relations, tails)
        )
        return (heads * self.graph.relation_count + relations) * self.graph.node_count + tails


def _sorted_keys(keys: np.ndarray) -> Any:
    """With -1, which is no key, so that there is always one to look at."""
    return ops.convert_to_tensor(np.concatenate([[-1], np.sort(keys)]).astype(np.int64))


def _among(ordered: Any, keys: Any) -> Any:
    """[B], whether keys [B] are among those that are ordered."""
    places = ops.minimum(ops.searchsorted(ordered, keys), ordered.shape[0] - 1)
    return ops.take(ordered, places) == keys
