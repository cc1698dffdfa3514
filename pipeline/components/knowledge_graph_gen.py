"""Step from files of triples and links to a knowledge graph of integer ids."""

import apache_beam as beam
from tfx.v1.dsl.components import BeamComponentParameter, OutputArtifact, Parameter, component

from interestflow.pipeline.artifacts import types as artifacts
from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.knowledge_graph.job import ingest_graph


@component(use_beam=True)
def KnowledgeGraphGen(
    graph: OutputArtifact[artifacts.KnowledgeGraphArtifact],
    report: OutputArtifact[artifacts.IngestionReportArtifact],
    config: Parameter[str],
    input_fingerprint: Parameter[str],
    code_fingerprint: Parameter[str],
    span: Parameter[str] = "",
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Read triples and links, remove duplicates, and assign integer ids to entities and relations.

    Args:
        graph: folder to write the graph to; see `write_graph`.
        report: folder to write the counts, `GraphCounts`, and the unusable rows to.
        config: an `IngestionConfig` as JSON, with `data.knowledge_graph`.
        input_fingerprint: digest of the input files; an earlier result is reused while it is the same.
        code_fingerprint: digest of the code, used in the same way.
        span: span of the tables to read; "" for `data.span`.
        beam_pipeline: Beam pipeline, given by TFX.
    """
    del input_fingerprint, code_fingerprint  # TFX compares them
    ingestion = IngestionConfig.model_validate_json(config).with_span(span)
    with beam_pipeline as pipeline:
        ingest_graph(ingestion, pipeline, graph.uri, report.uri)
