"""What training draws from a graph is in it, or is not, as it says."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from interestflow.models.graphs.collaborative_graph import CollaborativeGraph, KnowledgeGraph
from interestflow.models.graphs.edges import GraphEdges


@pytest.fixture
def edges() -> GraphEdges:
    """User 1 took items 1 to 4, user 2 item 1; item 1 (entity 0) knows entity 1."""
    knowledge = KnowledgeGraph(
        np.array([0, 1]), np.array([0, 1]), np.array([1, 0]), 2, 2, np.array([-1, 0, -1, -1, -1])
    )
    return GraphEdges(
        CollaborativeGraph.from_interactions(3, np.array([1, 1, 1, 1, 2]), np.array([1, 2, 3, 4, 1]), knowledge)
    )


def test_every_edge_is_drawn_and_no_other_and_heads_are_equally_likely(edges: GraphEdges) -> None:
    """Seven nodes are heads: each is drawn about 1,000 times in 7,000, with a deviation of 29."""
    heads, relations, tails, _, _ = (
        np.asarray(part) for part in edges.sample_triples(7000, keras.random.SeedGenerator(3))
    )
    graph = edges.graph
    assert set(zip(heads, relations, tails, strict=True)) == set(
        zip(graph.heads, graph.relations, graph.tails, strict=True)
    )
    counts = np.bincount(heads, minlength=9)
    assert counts[[0, 3]].tolist() == [0, 0]  # padding's user and item
    np.testing.assert_allclose(counts[counts > 0], 1000, atol=5 * 29)


def test_other_tails_are_any_node_and_those_that_are_true_are_told(edges: GraphEdges) -> None:
    heads, relations, _, others, false = (
        np.asarray(p) for p in edges.sample_triples(5000, keras.random.SeedGenerator(4))
    )
    graph = edges.graph
    true = set(zip(graph.heads, graph.relations, graph.tails, strict=True))
    assert [triple not in true for triple in zip(heads, relations, others, strict=True)] == false.tolist()
    assert 0 < false.sum() < 5000
    assert set(others.tolist()) == set(range(graph.node_count))


def test_who_took_what(edges: GraphEdges) -> None:
    took = edges.has_interaction(np.array([1, 1, 2, 2, 0]), np.array([1, 4, 1, 2, 0]))
    assert np.asarray(took).tolist() == [True, True, True, False, False]


def test_items_that_nobody_took_are_not_drawn() -> None:
    """Users 1 and 2 took items 1 and 3 of four; where nobody took any, all are drawn."""
    nobody = np.zeros(0, np.int64)
    for users, items, expected in (([1, 2, 2], [3, 1, 3], {1, 3}), (nobody, nobody, {1, 2, 3, 4})):
        over = CollaborativeGraph.from_interactions(
            3, np.array(users), np.array(items), KnowledgeGraph.without_triples(5)
        )
        drawn = np.asarray(GraphEdges(over).sample_items(200, keras.random.SeedGenerator(5)))
        assert set(drawn.tolist()) == expected


def test_every_edge_comes_once_with_its_relation(edges: GraphEdges) -> None:
    parts = list(edges.relation_chunks())
    places = np.concatenate([found for _, found in parts])
    assert sorted(places.tolist()) == list(range(len(edges.graph.heads)))
    assert all((edges.graph.relations[found] == relation).all() for relation, found in parts)
