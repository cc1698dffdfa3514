"""Triples become distinct triples of ids, each in both directions."""

from __future__ import annotations

from pathlib import Path

from interestflow.pipeline.artifacts import types as artifacts
from interestflow.pipeline.components.knowledge_graph_gen import KnowledgeGraphGen
from interestflow.pipeline.config import load
from interestflow.transforms.knowledge_graph.graph_files import read_graph
from interestflow.transforms.knowledge_graph.job import GraphCounts
from tests.pipeline.components.conftest import CONFIG
from tests.pipeline.components.step_execution import execute, make_artifact

GRAPH = """\
  knowledge_graph: {path: kg.csv, format: csv, head: h, relation: r, tail: t}
  max_bad_row_share: 0.5  # a repeated triple counts as unusable
"""
TRIPLES = [("i0", "of", "red"), ("i1", "of", "red"), ("i1", "near", "i0"), ("i1", "of", "red")]


def test_each_distinct_triple_is_written_once(tmp_path: Path) -> None:
    (tmp_path / "kg.csv").write_text("\n".join(["h,r,t", *(",".join(triple) for triple in TRIPLES)]))
    (tmp_path / "shop.yaml").write_text(CONFIG.replace("tasks:", f"{GRAPH}tasks:"))
    graph = make_artifact(tmp_path / "graph", artifacts.KnowledgeGraphArtifact)
    report = make_artifact(tmp_path / "report", artifacts.IngestionReportArtifact)
    execute(
        KnowledgeGraphGen, {}, {"graph": graph, "report": report}, input_fingerprint="input", code_fingerprint="code",
        config=load(tmp_path / "shop.yaml").ingestion().model_dump_json(),
    )  # fmt: skip
    written = read_graph(graph.uri)
    entities, relations = written.entities.to_list(), written.relations.to_list()
    names = {(entities[head], relations[relation], entities[tail]) for head, relation, tail in written.triples.rows()}
    # Each triple is walked in both directions.
    assert names == set(TRIPLES) | {(tail, f"inverse of {relation}", head) for head, relation, tail in TRIPLES}
    assert written.triples.height == 6
    counts = GraphCounts.model_validate_json(Path(report.uri, "counts.json").read_text())
    assert (counts.triples, counts.entities, counts.relations) == (3, 3, 2)
    assert counts.tables["knowledge_graph"].rows == 4
