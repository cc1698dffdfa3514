"""Ingestion of a knowledge graph through Beam: ids, counts and dead letters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apache_beam as beam
import polars as pl
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.knowledge_graph.graph_files import read_graph
from interestflow.transforms.knowledge_graph.job import GraphCounts, ingest_graph
from interestflow.transforms.knowledge_graph.triples import NumberedGraph
from interestflow.transforms.reading.files import TableError
from tests.beam_arguments import BEAM_ARGUMENTS
from tests.transforms.small_config import shop


def configuration(folder: Path, **data: Any) -> IngestionConfig:
    graph = {
        "path": "kg*.tsv", "format": "tsv", "head": "h", "relation": "r", "tail": "t",
        "links": {"path": "links.csv", "format": "csv", "item": "item", "entity": "entity"},
    }  # fmt: skip
    return shop(folder, data={"knowledge_graph": graph, "max_bad_row_share": 0.5} | data)


def run(config: IngestionConfig, folder: Path) -> tuple[NumberedGraph, GraphCounts]:
    with beam.Pipeline(options=PipelineOptions(BEAM_ARGUMENTS)) as pipeline:
        ingest_graph(config, pipeline, str(folder / "graph"), str(folder / "report"))
    counts = GraphCounts.model_validate_json((folder / "report" / "counts.json").read_text())
    return read_graph(str(folder / "graph")), counts


def write_files(folder: Path) -> None:
    (folder / "kg-1.tsv").write_text("h\tr\tt\nm1\tactor\ta\nm2\tactor\ta\nm1\tactor\ta\n")
    (folder / "kg-2.tsv").write_text("h\tr\tt\nm2\tsequel\tm1\nm2\tactor\ta\nm3\t\ta\n")
    (folder / "links.csv").write_text("item,entity\n10,m1\n20,m2\n30,m3\n")


def test_a_graph_over_several_files(tmp_path: Path) -> None:
    """Triples m1-actor-a, m2-actor-a, m2-sequel-m1; m3's only triple has no relation, so item 30 leads nowhere."""
    write_files(tmp_path)
    graph, counts = run(configuration(tmp_path), tmp_path)
    assert graph.entities.to_list() == ["a", "m1", "m2"]
    assert graph.triples.rows() == [(1, 0, 0), (2, 0, 0), (2, 1, 1), (0, 2, 1), (0, 2, 2), (1, 3, 2)]
    assert graph.links.rows() == [("10", 1), ("20", 2)]
    assert {name: table.model_dump() for name, table in counts.tables.items()} == {
        "knowledge_graph": {"rows": 6, "usable": 3, "dead_letters": 3},
        "links": {"rows": 3, "usable": 2, "dead_letters": 1},
    }
    assert counts.dead_letter_reasons == {
        "knowledge_graph: no relation": 1,
        "knowledge_graph: repeats an earlier triple": 2,
        "links: entity is in no triple": 1,
    }
    assert (counts.triples, counts.entities, counts.relations, counts.linked_items) == (3, 3, 2, 2)
    letters = pl.read_parquet(tmp_path / "report" / "dead_letters.parquet")
    locations = [(Path(file).name, row, reason) for file, row, reason in letters.select("file", "row", "reason").rows()]
    assert sorted(locations) == [
        ("kg-1.tsv", 3, "repeats an earlier triple"),
        ("kg-2.tsv", 2, "repeats an earlier triple"),
        ("kg-2.tsv", 3, "no relation in `r`"),
        ("links.csv", 3, "entity m3 is in no triple"),
    ]


@pytest.mark.parametrize(
    ("limit", "links", "says"),
    [
        (0.1, "item,entity\n10,m1\n", "`data.knowledge_graph` should be unusable .*, received 3 of 6, 50.00%"),
        (1.0, "item,entity\n10,m9\n", "a knowledge graph should have links, received none that can be used"),
    ],
)
def test_too_few_usable_rows_end_the_run(tmp_path: Path, limit: float, links: str, says: str) -> None:
    write_files(tmp_path)
    (tmp_path / "links.csv").write_text(links)
    with pytest.raises(Exception, match=says):
        run(configuration(tmp_path, max_bad_row_share=limit), tmp_path)


def test_a_configuration_without_a_graph_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"`data\.knowledge_graph` should name the files"):
        run(shop(tmp_path), tmp_path)
