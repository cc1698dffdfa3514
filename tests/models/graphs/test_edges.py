"""Sampled triples belong to the graph, and sampled negatives do not."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from interestflow.models.graphs.collaborative_graph import CollaborativeGraph, KnowledgeGraph
from interestflow.models.graphs.edges import GraphEdges


@pytest.fixture
def edges() -> GraphEdges:
    """User 1 interacted with items 1 to 4, user 2 with item 1; item 1 (entity 0) is linked to entity 1."""
    knowledge = KnowledgeGraph(
        np.array([0, 1]), np.array([0, 1]), np.array([1, 0]), 2, 2, np.array([-1, 0, -1, -1, -1])
    )
    return GraphEdges(
        CollaborativeGraph.from_interactions(3, np.array([1, 1, 1, 1, 2]), np.array([1, 2, 3, 4, 1]), knowledge)
    )


def test_only_edges_are_drawn_and_heads_are_equally_likely(edges: GraphEdges) -> None:
    """Seven nodes are heads: each is drawn about 1,000 times in 7,000, with a deviation of 29."""
    heads, relations, tails, _, _ = (
        np.asarray(part) for part in edges.sample_triples(7000, keras.random.SeedGenerator(3))
    )
    graph = edges.graph
    assert set(zip(heads, relations, tails, strict=True)) == set(
        zip(graph.heads, graph.relations, graph.tails, strict=True)
    )
    counts = np.bincount(heads, minlength=9)
    assert counts[[0, 3]].tolist() == [0, 0]  # the padding user and the padding item
    np.testing.assert_allclose(counts[counts > 0], 1000, atol=5 * 29)


def test_other_tails_are_any_node_and_triples_of_the_graph_are_marked(edges: GraphEdges) -> None:
    heads, relations, _, negative_tails, is_negative = (
        np.asarray(part) for part in edges.sample_triples(5000, keras.random.SeedGenerator(4))
    )
    graph = edges.graph
    triples = set(zip(graph.heads, graph.relations, graph.tails, strict=True))
    assert [
        triple not in triples for triple in zip(heads, relations, negative_tails, strict=True)
    ] == is_negative.tolist()
    assert 0 < is_negative.sum() < 5000
    assert set(negative_tails.tolist()) == set(range(graph.node_count))


def test_interactions_are_looked_up(edges: GraphEdges) -> None:
    is_interaction = edges.has_interaction(np.array([1, 1, 2, 2, 0]), np.array([1, 4, 1, 2, 0]))
    assert np.asarray(is_interaction).tolist() == [True, True, True, False, False]


def test_items_without_interactions_are_not_sampled() -> None:
    """Users 1 and 2 interacted with items 1 and 3 of four; without any interaction, all items are sampled."""
    nobody = np.zeros(0, np.int64)
    for users, items, expected in (([1, 2, 2], [3, 1, 3], {1, 3}), (nobody, nobody, {1, 2, 3, 4})):
        graph = CollaborativeGraph.from_interactions(
            3, np.array(users), np.array(items), KnowledgeGraph.without_triples(5)
        )
        samples = np.asarray(GraphEdges(graph).sample_items(200, keras.random.SeedGenerator(5)))
        assert set(samples.tolist()) == expected


def test_every_edge_is_in_one_chunk_of_its_relation(edges: GraphEdges) -> None:
    chunks = list(edges.relation_chunks())
    indices = np.concatenate([chunk for _, chunk in chunks])
    assert sorted(indices.tolist()) == list(range(len(edges.graph.heads)))
    assert all((edges.graph.relations[chunk] == relation).all() for relation, chunk in chunks)
