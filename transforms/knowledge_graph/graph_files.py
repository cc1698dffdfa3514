"""Files of a numbered knowledge graph, and the entities of items in it."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
import polars as pl

from interestflow.transforms.feature_names import ITEM
from interestflow.transforms.ingestion.shuffle_files import read_bytes, write_parquet
from interestflow.transforms.knowledge_graph.triples import ENTITY, RELATION, NumberedGraph

TRIPLES, LINKS, ENTITIES, RELATIONS = "triples.parquet", "links.parquet", "entities.parquet", "relations.parquet"


def write_graph(graph: NumberedGraph, folder: str) -> None:
    """Write a graph as four Parquet files.

    `triples.parquet` has head, relation and tail (int32), `links.parquet` item (text) and entity (int32), and
    `entities.parquet` (entity) and `relations.parquet` (relation) have the names in the order of their ids.
    """
    write_parquet(f"{folder}/{TRIPLES}", graph.triples)
    write_parquet(f"{folder}/{LINKS}", graph.links)
    write_parquet(f"{folder}/{ENTITIES}", graph.entities.to_frame())
    write_parquet(f"{folder}/{RELATIONS}", graph.relations.to_frame())


def read_graph(folder: str) -> NumberedGraph:
    """Read a graph that `write_graph` wrote."""
    triples, links, entities, relations = (
        pl.read_parquet(io.BytesIO(read_bytes(f"{folder}/{name}"))) for name in (TRIPLES, LINKS, ENTITIES, RELATIONS)
    )
    return NumberedGraph(triples, links, entities.get_column(ENTITY), relations.get_column(RELATION))


def item_entities(graph: NumberedGraph, items: Iterable[str | None]) -> np.ndarray:
    """Return the entity of each item id, such as those of a vocabulary, int32 [N]; -1 if the item is not linked."""
    ids = pl.DataFrame({ITEM: pl.Series(list(items), dtype=pl.String)})
    entities = ids.join(graph.links, on=ITEM, how="left", maintain_order="left").get_column(ENTITY)
    return entities.fill_null(-1).cast(pl.Int32).to_numpy()
