"""The graph that a model of graphs learns from: what users took in training, and what is known of items."""

from __future__ import annotations

import numpy as np

from interestflow.models.graphs.collaborative_graph import CollaborativeGraph, KnowledgeGraph
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.item_catalogue import CatalogueItems
from interestflow.transforms.feature_names import ITEM, USER
from interestflow.transforms.knowledge_graph.graph_files import item_entities, read_graph

READ_AT_ONCE = 65_536


def collaborative_graph(folder: str | None, training: Split, items: CatalogueItems) -> CollaborativeGraph:
    """Joins the positives of the training split and a knowledge graph.

    Args:
        folder: of the knowledge graph, as `write_graph` leaves it; None where nothing is known of items.
        training: positives, with users.
        items: all items; of those that share a number, the first alone can be an entity.
    """
    inputs = training.inputs
    assert inputs.user_rows is not None
    if folder is None:
        knowledge = KnowledgeGraph.without_triples(inputs.item_rows)
    else:
        knowledge = _knowledge(folder, inputs.item_rows, items)
    users, taken = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for features, _, _ in training.in_order(READ_AT_ONCE):
        users.append(features[USER].numpy())
        taken.append(features[ITEM].numpy())
    return CollaborativeGraph.from_interactions(
        inputs.user_rows, np.concatenate(users), np.concatenate(taken), knowledge
    )


def _knowledge(folder: str, item_rows: int, items: CatalogueItems) -> KnowledgeGraph:
    graph = read_graph(folder)
    numbers, first = np.unique(items.tensors[ITEM], return_index=True)
    entities = np.full(item_rows, -1, np.int32)
    entities[numbers] = item_entities(graph, [item.decode("utf-8", "replace") for item in items.ids[first]])
    triples = graph.triples
    return KnowledgeGraph(
        heads=triples.get_column("head").to_numpy(),
        relations=triples.get_column("relation").to_numpy(),
        tails=triples.get_column("tail").to_numpy(),
        entity_count=len(graph.entities),
        relation_count=len(graph.relations),
        item_entities=entities,
    )
