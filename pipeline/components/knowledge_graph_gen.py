"""The step from files of triples and links to a knowledge graph in numbers."""

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
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Reads triples and links, finds the distinct ones, and numbers entities and relations.

    Args:
        graph: what was made; see `write_graph`.
        report: what was counted, `GraphCounts`, and the rows that could not be used.
        config: an `IngestionConfig` as JSON, with `data.knowledge_graph`.
        input_fingerprint: changes where the input files do; otherwise an earlier result is used again.
        code_fingerprint: likewise for the code.
        beam_pipeline: given by TFX.
    """
    del input_fingerprint, code_fingerprint  # TFX compares them
    with beam_pipeline as pipeline:
        ingest_graph(IngestionConfig.model_validate_json(config), pipeline, graph.uri, report.uri)
