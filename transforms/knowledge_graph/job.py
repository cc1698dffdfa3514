"""The Beam job from the files of a knowledge graph to one graph of integer ids, with its counts and dead letters.

Files are read in parallel. The distinct triples are then found and numbered in one place: the whole graph is held there
as text, just as the model that learns from it holds the whole graph as ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import apache_beam as beam
import polars as pl
from pydantic import BaseModel, ConfigDict

from interestflow.transforms.config import IngestionConfig, KnowledgeGraphConfig
from interestflow.transforms.ingestion.counts import TableCounts
from interestflow.transforms.ingestion.dead_letters import (
    IngestionError,
    TableReport,
    check_dead_letters,
    count_tables,
    reason_counts,
)
from interestflow.transforms.ingestion.report import write_report_files
from interestflow.transforms.ingestion.shuffle_files import decode_frame, encode_frame, make_folder
from interestflow.transforms.knowledge_graph.graph_files import write_graph
from interestflow.transforms.knowledge_graph.triples import (
    distinct_triples,
    number_graph,
    read_links,
    read_triples,
    usable_links,
)
from interestflow.transforms.reading.columns import ENTITY as ENTITY_ID
from interestflow.transforms.reading.entities import read_attributes
from interestflow.transforms.reading.files import TableError, list_files

GRAPH_TABLES = ("knowledge_graph", "links")


class GraphCounts(BaseModel):
    """Counts of the rows of a knowledge graph that were read, left out and written.

    Attributes:
        tables: rows by table: `knowledge_graph` and, if the configuration has it, `links`.
        dead_letter_reasons: rows by table and reason: `links: entity is in no triple`.
        triples: distinct triples, without their inverses.
        entities: distinct entities.
        relations: distinct relations, without their inverses.
        linked_items: items with an entity; without links, every entity stands for the item of its name.
    """

    model_config = ConfigDict(extra="forbid")

    tables: dict[str, TableCounts]
    dead_letter_reasons: dict[str, int]
    triples: int
    entities: int
    relations: int
    linked_items: int


Piece = tuple[str, int, bytes, bytes]
"""A part of a table: its name, number of rows, and the encoded frames of usable rows and dead letters."""


class GraphTables(NamedTuple):
    """The tables of a graph, by name: frames of usable rows, frames of dead letters, and the number of rows."""

    frames: dict[str, list[pl.DataFrame]]
    dead_letters: dict[str, list[pl.DataFrame]]
    rows: Counter[str]


class ReadGraphFile(beam.DoFn):
    """Read one file of triples or links into pieces."""

    def __init__(self, graph: KnowledgeGraphConfig) -> None:
        """Store the configuration of the graph."""
        self._graph = graph

    def process(self, element: tuple[str, str]) -> Iterable[Piece]:
        """Read a file, given as the name of its table and its path."""
        name, path = element
        if name == "links" and self._graph.links is not None:
            tables = read_links(path, self._graph.links)
        else:
            tables = read_triples(path, self._graph)
        for table in tables:
            yield name, table.rows, encode_frame(table.frame), encode_frame(table.dead_letters)


def ingest_graph(config: IngestionConfig, pipeline: beam.Pipeline, graph_folder: str, report_folder: str) -> None:
    """Add the job to a pipeline that has not run yet.

    The job writes the graph as `write_graph` does into `graph_folder`, and `counts.json` (`GraphCounts`) and
    `dead_letters.parquet` into `report_folder`.

    Args:
        config: a configuration with `data.knowledge_graph`.
        pipeline: the pipeline.
        graph_folder: folder of the graph, local or on any file system that Beam writes to.
        report_folder: folder of the report, on any such file system.

    Raises:
        TableError: if there is no graph to read.
        IngestionError: while the pipeline runs, if there are too many dead letters, or no usable triples or links.
    """
    graph = config.data.knowledge_graph
    if graph is None:
        raise TableError("`data.knowledge_graph` should name the files of a graph, received none")
    files = [("knowledge_graph", path) for path in list_files(graph, config.data.folder)]
    if graph.links is not None:
        files += [("links", path) for path in list_files(graph.links, config.data.folder)]
    for folder in (graph_folder, report_folder):
        make_folder(folder)
    pieces = (
        pipeline
        | "GraphFiles" >> beam.Create(files)
        | "SpreadGraphFiles" >> beam.Reshuffle()
        | "ReadGraph" >> beam.ParDo(ReadGraphFile(graph))
    )
    _ = (
        pipeline
        | "OneGraph" >> beam.Create([None])
        | "WriteGraph" >> beam.Map(_write, config, graph_folder, report_folder, beam.pvalue.AsList(pieces))
    )


def _write(_: None, config: IngestionConfig, graph_folder: str, report_folder: str, pieces: list[Piece]) -> None:
    """Join the pieces, and write the graph and the report."""
    tables = _join(pieces)
    triples, repeated = distinct_triples(tables.frames["knowledge_graph"])
    tables.dead_letters["knowledge_graph"].append(repeated)
    links = None
    if config.data.knowledge_graph is not None and config.data.knowledge_graph.links is not None:
        links, unusable = usable_links(tables.frames["links"], triples, _known_items(config))
        tables.dead_letters["links"].append(unusable)
    reports = _reports(tables)
    check_dead_letters(reports, config)
    for name, frame in (("triples", triples), ("links", links)):
        if frame is not None and frame.is_empty():
            raise IngestionError(f"a knowledge graph should have {name}, received none that can be used")
    graph = number_graph(triples, links)
    write_graph(graph, graph_folder)
    counts = GraphCounts(
        tables=count_tables(reports),
        dead_letter_reasons=reason_counts(reports),
        triples=triples.height,
        entities=len(graph.entities),
        relations=len(graph.relations) // 2,
        linked_items=graph.links.height,
    )
    letters = pl.concat([frame for frames in tables.dead_letters.values() for frame in frames])
    write_report_files(report_folder, counts, [letters.sort("file", "row")])


def _join(pieces: Iterable[Piece]) -> GraphTables:
    """Collect the pieces of each table."""
    tables = GraphTables({name: [] for name in GRAPH_TABLES}, {name: [] for name in GRAPH_TABLES}, Counter())
    for name, count, frame, dead_letters in pieces:
        tables.frames[name].append(decode_frame(frame))
        tables.dead_letters[name].append(decode_frame(dead_letters))
        tables.rows[name] += count
    return tables


def _known_items(config: IngestionConfig) -> list[str] | None:
    """Return the ids of the items table; None if there is no table."""
    table = read_attributes(config, "items")
    return None if table is None else table.frame.get_column(ENTITY_ID).to_list()


def _reports(tables: GraphTables) -> list[TableReport]:
    """Return the rows and the dead letters by reason of each table that was read."""
    return [
        TableReport(
            name,
            tables.rows[name],
            Counter(kind for frame in tables.dead_letters[name] for kind in frame.get_column("kind")),
        )
        for name in GRAPH_TABLES
        if name in tables.rows
    ]
