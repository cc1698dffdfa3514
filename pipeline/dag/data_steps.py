"""The steps from raw logs to transformed examples, with the checks that must pass before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass

from tfx.components import ExampleValidator, SchemaGen
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.placeholder.placeholder import Placeholder
from tfx.types.channel import OutputChannel

from interestflow.pipeline.components.data_gate import DataGate
from interestflow.pipeline.components.expected_schema import ExpectedSchema
from interestflow.pipeline.components.feature_transform import TRANSFORM_STEP, FeatureTransform
from interestflow.pipeline.components.input_finder import InputFinder
from interestflow.pipeline.components.knowledge_graph_gen import KnowledgeGraphGen
from interestflow.pipeline.components.leak_check import LeakCheck
from interestflow.pipeline.components.log_example_gen import LogExampleGen
from interestflow.pipeline.components.sampled_statistics import STATISTICS_STEP, SampledStatistics
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.fingerprints import Fingerprints
from interestflow.pipeline.dag.graph_parameters import GraphParameters
from interestflow.pipeline.dag.schema_file import curated_schema_text
from interestflow.transforms.splits import ITEMS_SPLIT


@dataclass(frozen=True)
class DataSteps:
    """The steps before training, and the outputs that later steps read.

    Attributes:
        components: all of these steps, in the order in which they run.
        input_fingerprint: digest of the input files, known once they have been found.
        examples: raw examples by split.
        schema: schema that the examples are parsed by.
        transformed_examples: examples as the models read them.
        transform_graph: TF Transform's graph and vocabularies.
        knowledge_graph: entities and relations as ids; None where no model of the configuration learns from a graph.
    """

    components: list[BaseNode]
    input_fingerprint: Placeholder
    examples: OutputChannel
    schema: OutputChannel
    transformed_examples: OutputChannel
    transform_graph: OutputChannel
    knowledge_graph: OutputChannel | None


def build_data_steps(config: PipelineConfig, fingerprints: Fingerprints, parameters: GraphParameters) -> DataSteps:
    """Build the steps from logs to transformed examples.

    Args:
        config: the whole configuration. Only its ingestion part and its gate on anomalies are given to the steps.
        fingerprints: digests of code.
        parameters: values that the steps are given from outside.
    """
    ingestion = config.ingestion().model_dump_json()
    finder = InputFinder(
        config=ingestion,
        span=parameters.span,
        scheduled_time=parameters.scheduled_time,
        state=parameters.input_state,
    )
    reading = {
        "config": ingestion,
        "input_fingerprint": finder.outputs["fingerprint"].future()[0].value,
        "code_fingerprint": fingerprints.ingestion_code,
        "span": parameters.span,
    }
    example_gen = LogExampleGen(with_items=int(config.is_matcher), **reading)
    examples = example_gen.outputs["examples"]
    leak_check = LeakCheck(examples=examples, config=ingestion, span=parameters.span)
    schema_steps, schema = _schema_steps(config, ingestion, examples)
    transform = _transform_step(config, fingerprints, ingestion, examples, schema)
    # Neither check has an output that the transform reads, but nothing may be learned from data that they reject.
    transform.add_upstream_nodes([leak_check, schema_steps[-1]])
    graph_steps: list[BaseNode] = []
    if config.uses_graph and config.data.knowledge_graph is not None:
        graph_steps.append(KnowledgeGraphGen(**reading))
    return DataSteps(
        components=[finder, example_gen, leak_check, *schema_steps, transform, *graph_steps],
        input_fingerprint=reading["input_fingerprint"],
        examples=examples,
        schema=schema,
        transformed_examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        knowledge_graph=graph_steps[0].outputs["graph"] if graph_steps else None,
    )


def _schema_steps(
    config: PipelineConfig, ingestion: str, examples: OutputChannel
) -> tuple[list[BaseNode], OutputChannel]:
    """Return the steps from statistics to `DataGate`, which is the last of them, and the expected schema."""
    excluded_splits = [ITEMS_SPLIT] if config.is_matcher else []
    statistics = SampledStatistics(
        examples=examples,
        max_examples=config.data_validation.max_examples_for_statistics,
        exclude_splits=",".join(excluded_splits),
    ).with_id(STATISTICS_STEP)
    inferred = SchemaGen(
        statistics=statistics.outputs["statistics"], infer_feature_shape=False, exclude_splits=["validation", "test"]
    )
    expected = ExpectedSchema(
        inferred=inferred.outputs["schema"], config=ingestion, curated=curated_schema_text(config.data_validation)
    )
    schema = expected.outputs["schema"]
    validator = ExampleValidator(statistics=statistics.outputs["statistics"], schema=schema)
    data_gate = DataGate(anomalies=validator.outputs["anomalies"], fail_on=config.data_validation.fail_on)
    return [statistics, inferred, expected, validator, data_gate], schema


def _transform_step(
    config: PipelineConfig, fingerprints: Fingerprints, ingestion: str, examples: OutputChannel, schema: OutputChannel
) -> BaseNode:
    return FeatureTransform(
        examples=examples,
        schema=schema,
        config=ingestion,
        code_fingerprint=fingerprints.ingestion_code,
        with_items=int(config.is_matcher),
        learn_items=int(config.uses_graph),
    ).with_id(TRANSFORM_STEP)
