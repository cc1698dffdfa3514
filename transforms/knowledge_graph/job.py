"""Files of a knowledge graph to one graph in numbers: the Beam job, and what it tells of itself.

Files are read apart from one another; the distinct triples are then found, and numbered, in one place: a graph is held
whole there as text, as the model that learns from it holds it whole in numbers.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
import polars as pl
from apache_beam.io.filesystems import FileSystems
from pydantic import BaseModel, ConfigDict

from interestflow.transforms.config import IngestionConfig, KnowledgeGraphConfig
from interestflow.transforms.ingestion.counts import TableCounts
from interestflow.transforms.ingestion.report import COUNTS, DEAD_LETTERS, IngestionError, too_many_unusable
from interestflow.transforms.ingestion.shuffle_files import content_of, created, packed, unpacked
from interestflow.transforms.knowledge_graph.triples import (
    ENTITY,
    RELATION,
    NumberedGraph,
    distinct_triples,
    numbered,
    read_links,
    read_triples,
    usable_links,
)
from interestflow.transforms.reading.columns import ENTITY as ENTITY_ID
from interestflow.transforms.reading.files import TableError, list_files
from interestflow.transforms.reading.tables import DEAD_LETTER_SCHEMA, read_attributes

GRAPH_TABLES = ("knowledge_graph", "links")
TRIPLES, LINKS, ENTITIES, RELATIONS = "triples.parquet", "links.parquet", "entities.parquet", "relations.parquet"


class GraphCounts(BaseModel):
    """What was read of a knowledge graph, left out and made, in numbers.

    tables: by `knowledge_graph`, `links`; those that the configuration has.
    dead_letter_reasons: rows by table and reason: `links: entity is in no triple`.
    triples: distinct ones, without their inverses.
    entities, relations: distinct ones, without inverse relations.
    linked_items: items that are an entity; without links, every entity is taken for the item of its name.
    """

    model_config = ConfigDict(extra="forbid")

    tables: dict[str, TableCounts]
    dead_letter_reasons: dict[str, int]
    triples: int
    entities: int
    relations: int
    linked_items: int


class ReadGraph(beam.DoFn):
    """A file of `(table, path)` to its rows and dead letters: `(table, rows, frame, letters)`, the frames packed."""

    def __init__(self, graph: KnowledgeGraphConfig) -> None:
        self._graph = graph

    def process(self, element: tuple[str, str]) -> Iterable[tuple[str, int, bytes, bytes]]:
        name, path = element
        if name == "links" and self._graph.links is not None:
            tables = read_links(path, self._graph.links)
        else:
            tables = read_triples(path, self._graph)
        for table in tables:
            yield name, table.rows, packed(table.frame), packed(table.dead_letters)


def ingest_graph(config: IngestionConfig, pipeline: beam.Pipeline, graph_folder: str, report_folder: str) -> None:
    """Adds the job to `pipeline`.

    Writes the graph as `write_graph` does into `graph_folder`, and `counts.json` (`GraphCounts`) and
    `dead_letters.parquet` into `report_folder`.

    Args:
        config: with `data.knowledge_graph`.
        pipeline: not yet run.
        graph_folder: local or on any file system that Beam writes to.
        report_folder: likewise.

    Raises:
        TableError: where there is no graph to read.
        IngestionError: while the pipeline runs, past the limit of dead letters or where no triple, or no link, is left.
    """
    graph = config.data.knowledge_graph
    if graph is None:
        raise TableError("`data.knowledge_graph` should name the files of a graph, received none")
    files = [("knowledge_graph", path) for path in list_files(graph, config.data.folder)]
    if graph.links is not None:
        files += [("links", path) for path in list_files(graph.links, config.data.folder)]
    for folder in (graph_folder, report_folder):
        if not FileSystems.exists(f"{folder}/"):
            FileSystems.mkdirs(folder)
    pieces = (
        pipeline
        | "GraphFiles" >> beam.Create(files)
        | "SpreadGraphFiles" >> beam.Reshuffle()
        | "ReadGraph" >> beam.ParDo(ReadGraph(graph))
    )
    _ = (
        pipeline
        | "OneGraph" >> beam.Create([None])
        | "WriteGraph" >> beam.Map(_join, config, graph_folder, report_folder, beam.pvalue.AsList(pieces))
    )


def _join(
    _: None,
    config: IngestionConfig,
    graph_folder: str,
    report_folder: str,
    pieces: list[tuple[str, int, bytes, bytes]],
) -> None:
    frames: dict[str, list[pl.DataFrame]] = {name: [] for name in GRAPH_TABLES}
    letters: dict[str, list[pl.DataFrame]] = {name: [] for name in GRAPH_TABLES}
    rows: Counter[str] = Counter()
    for name, count, frame, dead in pieces:
        frames[name].append(unpacked(frame))
        letters[name].append(unpacked(dead))
        rows[name] += count
    triples, repeated = distinct_triples(frames["knowledge_graph"])
    letters["knowledge_graph"].append(repeated)
    links = None
    if config.data.knowledge_graph is not None and config.data.knowledge_graph.links is not None:
        links, unusable = usable_links(frames["links"], triples, _known_items(config))
        letters["links"].append(unusable)
    tables, reasons = _counted(config, rows, letters)
    for name, found in (("triples", triples), ("links", links)):
        if found is not None and found.is_empty():
            raise IngestionError(f"a knowledge graph should have {name}, received none that can be used")
    graph = numbered(triples, links)
    write_graph(graph, graph_folder)
    counts = GraphCounts(
        tables=tables,
        dead_letter_reasons=reasons,
        triples=triples.height,
        entities=len(graph.entities),
        relations=len(graph.relations) // 2,
        linked_items=graph.links.height,
    )
    every_letter = [frame.drop("kind") for found in letters.values() for frame in found]
    _write(f"{report_folder}/{DEAD_LETTERS}", pl.concat([pl.DataFrame(schema=DEAD_LETTER_SCHEMA), *every_letter]))
    with created(f"{report_folder}/{COUNTS}") as file:
        file.write(counts.model_dump_json(indent=2).encode())


def _known_items(config: IngestionConfig) -> list[str] | None:
    """The ids of the items table; None where there is none."""
    table = read_attributes(config, "items")
    return None if table is None else table.frame.get_column(ENTITY_ID).to_list()


def _counted(
    config: IngestionConfig, rows: Counter[str], letters: dict[str, list[pl.DataFrame]]
) -> tuple[dict[str, TableCounts], dict[str, int]]:
    tables: dict[str, TableCounts] = {}
    all_reasons: dict[str, int] = {}
    for name, key in zip(GRAPH_TABLES, ("data.knowledge_graph", "data.knowledge_graph.links"), strict=True):
        if name not in rows:
            continue
        reasons: Counter[str] = Counter()
        for frame in letters[name]:
            reasons.update(frame.get_column("kind").to_list())
        dead = reasons.total()
        problem = too_many_unusable(f"`{key}`", rows[name], dead, config.data.dead_letter_limit, reasons)
        if problem is not None:
            raise IngestionError(problem)
        tables[name] = TableCounts(rows=rows[name], usable=rows[name] - dead, dead_letters=dead)
        all_reasons |= {f"{name}: {reason}": count for reason, count in sorted(reasons.items())}
    return tables, all_reasons


def write_graph(graph: NumberedGraph, folder: str) -> None:
    """Writes `triples.parquet` (head, relation, tail: int32), `links.parquet` (item: text, entity: int32), and the
    names in the order of their numbers: `entities.parquet` (entity), `relations.parquet` (relation)."""
    _write(f"{folder}/{TRIPLES}", graph.triples)
    _write(f"{folder}/{LINKS}", graph.links)
    _write(f"{folder}/{ENTITIES}", graph.entities.to_frame())
    _write(f"{folder}/{RELATIONS}", graph.relations.to_frame())


def read_graph(folder: str) -> NumberedGraph:
    """What `write_graph` wrote."""
    triples, links, entities, relations = (
        pl.read_parquet(io.BytesIO(content_of(f"{folder}/{name}"))) for name in (TRIPLES, LINKS, ENTITIES, RELATIONS)
    )
    return NumberedGraph(triples, links, entities.get_column(ENTITY), relations.get_column(RELATION))


def entities_of_items(graph: NumberedGraph, items: Iterable[str | None]) -> np.ndarray:
    """int32, the entity of each item id in the order given, such as a vocabulary's; -1 where it is none."""
    ids = pl.DataFrame({"item": pl.Series(list(items), dtype=pl.String)})
    found: Any = ids.join(graph.links, on="item", how="left", maintain_order="left").get_column(ENTITY)
    return found.fill_null(-1).cast(pl.Int32).to_numpy()


def _write(path: str, frame: pl.DataFrame) -> None:
    content = io.BytesIO()
    frame.write_parquet(content)
    with created(path) as file:
        file.write(content.getvalue())
