"""A knowledge graph is written to files and read back, and items are linked to its entities."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from interestflow.transforms.knowledge_graph.graph_files import item_entities, read_graph, write_graph
from interestflow.transforms.knowledge_graph.triples import number_graph

TRIPLES = pl.DataFrame(
    [("m1", "actor", "a"), ("m2", "sequel", "m1")], schema=["head", "relation", "tail"], orient="row"
)
GRAPH = number_graph(TRIPLES, pl.DataFrame({"item": ["10", "20"], "entity": ["m1", "m2"]}))


def test_a_graph_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_graph(GRAPH, str(tmp_path))
    graph = read_graph(str(tmp_path))
    assert graph.triples.equals(GRAPH.triples)
    assert graph.links.equals(GRAPH.links)
    assert graph.entities.equals(GRAPH.entities)
    assert graph.relations.equals(GRAPH.relations)


def test_items_of_a_vocabulary_are_found_among_the_entities() -> None:
    entities = item_entities(GRAPH, [None, "20", "99", "10"])
    assert entities.dtype == "int32"
    assert entities.tolist() == [-1, 2, -1, 1]
