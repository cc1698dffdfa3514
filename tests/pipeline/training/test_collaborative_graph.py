"""The graph of training positives and of a knowledge graph, for items whose ids are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from interestflow.models.graphs.collaborative_graph import CollaborativeGraph
from interestflow.pipeline.training.collaborative_graph import build_collaborative_graph
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.item_catalogue import CatalogueItems
from interestflow.transforms.knowledge_graph.graph_files import write_graph
from interestflow.transforms.knowledge_graph.triples import NumberedGraph
from tests.pipeline.support import training_examples

INPUTS = replace(training_examples.INPUTS, item_rows=5, user_rows=4)
ITEMS = CatalogueItems(np.array([b"a", b"b", b"c", b"d"], object), {"item": np.array([1, 2, 4, 4])})
"""Items c and d share the id 4."""


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """User 1 interacted with items 1 and 2, user 3 with item 4, twice."""
    rows = training_examples.make_rows(4)
    rows |= {"user": np.array([1, 1, 3, 3]), "item": np.array([1, 2, 4, 4]), "history_item": np.zeros((4, 4), int)}
    return Split.read([training_examples.write(rows, tmp_path_factory.mktemp("training"))], INPUTS, 100)


def edges(graph: CollaborativeGraph) -> set[tuple[int, int, int]]:
    return set(zip(graph.heads.tolist(), graph.relations.tolist(), graph.tails.tolist(), strict=True))


def test_without_a_knowledge_graph_users_and_items_are_joined(training: Split) -> None:
    """Users are nodes 0 to 3, items nodes 4 to 8."""
    graph = build_collaborative_graph(None, training, ITEMS)
    assert edges(graph) == {(1, 0, 5), (1, 0, 6), (3, 0, 8), (5, 1, 1), (6, 1, 1), (8, 1, 3)}


def test_entities_of_items_are_their_nodes(training: Split, tmp_path: Path) -> None:
    """Item b is entity 0, item c entity 1, entity 2 a genre of both. Item d shares the id of c, which comes first."""
    triples = pl.DataFrame(
        {"head": [0, 2, 1, 2], "relation": [0, 1, 0, 1], "tail": [2, 0, 2, 1]},
        schema=dict.fromkeys(("head", "relation", "tail"), pl.Int32),
    )
    links = pl.DataFrame({"item": ["b", "c"], "entity": [0, 1]}, schema={"item": pl.String, "entity": pl.Int32})
    numbered = NumberedGraph(
        triples, links, pl.Series("entity", ["B", "C", "genre"]), pl.Series("relation", ["is of", "has"])
    )
    write_graph(numbered, str(tmp_path))
    graph = build_collaborative_graph(str(tmp_path), training, ITEMS)
    interactions = {(1, 0, 5), (1, 0, 6), (3, 0, 8), (5, 1, 1), (6, 1, 1), (8, 1, 3)}
    knowledge = edges(graph) - interactions
    assert len(edges(graph)) == 10
    (genre,) = {head for head, _, _ in knowledge} - {6, 8}
    assert knowledge == {(6, 2, genre), (genre, 3, 6), (8, 2, genre), (genre, 3, 8)}
