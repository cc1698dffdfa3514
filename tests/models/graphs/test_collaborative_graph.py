"""Edges of the graph that joins triples and interactions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interestflow.models.graphs.collaborative_graph import INTERACT, INTERACTED_BY, CollaborativeGraph, KnowledgeGraph

# Entity 2 is item 1, entity 0 is item 3, the others are no items. Triples: (2, r0, 1), (0, r1, 3) and their inverses.
KNOWLEDGE = KnowledgeGraph(
    heads=np.array([2, 0, 1, 3]),
    relations=np.array([0, 1, 2, 3]),
    tails=np.array([1, 3, 2, 0]),
    entity_count=4,
    relation_count=4,
    item_entities=np.array([-1, 2, -1, 0]),
)


def test_nodes_are_users_then_items_then_other_entities() -> None:
    """Users 0 to 2 are nodes 0 to 2, items 0 to 3 nodes 3 to 6, entities 1 and 3 nodes 7 and 8."""
    graph = CollaborativeGraph.from_interactions(3, np.array([1, 2, 1, 1]), np.array([1, 3, 2, 1]), KNOWLEDGE)
    assert (graph.node_count, graph.relation_count) == (9, 6)
    edges = list(zip(graph.heads.tolist(), graph.relations.tolist(), graph.tails.tolist(), strict=True))
    assert edges == [
        (1, INTERACT, 4), (1, INTERACT, 5), (2, INTERACT, 6),
        (4, INTERACTED_BY, 1), (4, 2, 7), (5, INTERACTED_BY, 1), (6, INTERACTED_BY, 2), (6, 3, 8),
        (7, 4, 4), (8, 5, 6),
    ]  # fmt: skip
    assert {part.dtype for part in (graph.heads, graph.relations, graph.tails)} == {np.dtype(np.int32)}
    np.testing.assert_array_equal(graph.known_users, [False, True, True])
    np.testing.assert_array_equal(graph.connected_items, [False, True, True, True])


def test_padding_has_no_edges() -> None:
    graph = CollaborativeGraph.from_interactions(
        3, np.array([0, 2]), np.array([1, 0]), KnowledgeGraph.without_triples(4)
    )
    assert (graph.node_count, len(graph.heads), graph.known_users.any()) == (7, 0, False)
    assert not graph.connected_items.any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tails": np.array([1, 3, 2, 4])}, "`tails` should be from 0 to 3, received 4"),
        ({"relations": np.array([0, 1, 2, -1])}, "`relations` should be from 0 to 3, received -1"),
        ({"heads": np.array([2, 0, 1])}, "should be as many, received 3, 4 and 4"),
        ({"item_entities": np.array([-1, 2, 2, 0])}, "received one that is of two items"),
    ],
)
def test_inconsistent_triples_are_rejected(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KnowledgeGraph(**(vars(KNOWLEDGE) | changes))


def test_an_unknown_user_is_rejected() -> None:
    with pytest.raises(ValueError, match="`users` should be from 0 to 2, received 3"):
        CollaborativeGraph.from_interactions(3, np.array([3]), np.array([1]), KNOWLEDGE)
