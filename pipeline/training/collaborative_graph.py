"""Graph that graph models learn from: the positives of the training split joined with a knowledge graph of items."""

from __future__ import annotations

import numpy as np

from interestflow.models.graphs.collaborative_graph import CollaborativeGraph, KnowledgeGraph
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.item_catalogue import CatalogueItems
from interestflow.transforms.feature_names import ITEM, USER
from interestflow.transforms.knowledge_graph.graph_files import item_entities, read_graph

READING_BATCH = 65_536


def build_collaborative_graph(folder: str | None, training: Split, items: CatalogueItems) -> CollaborativeGraph:
    """Return the graph of the training positives and a knowledge graph.

    Args:
        folder: Folder of the knowledge graph, as `write_graph` leaves it; None where there is none.
        training: Positives of the training split, with users.
        items: All items. Of the items that share an id, only the first can be an entity.
    """
    inputs = training.inputs
    assert inputs.user_rows is not None
    if folder is None:
        knowledge = KnowledgeGraph.without_triples(inputs.item_rows)
    else:
        knowledge = _read_knowledge(folder, inputs.item_rows, items)
    users, targets = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for features, _, _ in training.in_order(READING_BATCH):
        users.append(features[USER].numpy())
        targets.append(features[ITEM].numpy())
    return CollaborativeGraph.from_interactions(
        inputs.user_rows, np.concatenate(users), np.concatenate(targets), knowledge
    )


def _read_knowledge(folder: str, item_rows: int, items: CatalogueItems) -> KnowledgeGraph:
    """Return the knowledge graph in `folder`, with the entity of each item id."""
    graph = read_graph(folder)
    ids, first = np.unique(items.tensors[ITEM], return_index=True)
    entities = np.full(item_rows, -1, np.int32)
    entities[ids] = item_entities(graph, [item.decode("utf-8", "replace") for item in items.ids[first]])
    triples = graph.triples
    return KnowledgeGraph(
        heads=triples.get_column("head").to_numpy(),
        relations=triples.get_column("relation").to_numpy(),
        tails=triples.get_column("tail").to_numpy(),
        entity_count=len(graph.entities),
        relation_count=len(graph.relations),
        item_entities=entities,
    )
