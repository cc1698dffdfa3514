"""Builds the TFX graph of a configuration, from raw logs to a pushed model.

The same graph runs on this machine and on Kubeflow Pipelines, so it uses only what both support: no resolver nodes, no
custom drivers, every step found by its dotted path.
"""

from __future__ import annotations

from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline

from interestflow.pipeline.beam_config import BeamConfig
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.data_steps import build_data_steps
from interestflow.pipeline.dag.fingerprints import Fingerprints
from interestflow.pipeline.dag.graph_parameters import GraphParameters
from interestflow.pipeline.dag.model_steps import ModelSteps
from interestflow.pipeline.folders import Folders

FINDERS = frozenset({"InputFinder", "ChampionFinder"})
"""Steps whose result depends on more than their inputs: logs grow, and another model is pushed. Every other step
depends on their outputs, so that these alone must run every time where a cache cannot see what they find."""


def build_components(
    config: PipelineConfig, folders: Folders, fingerprints: Fingerprints, parameters: GraphParameters
) -> list[BaseNode]:
    """Build the steps of a configuration, from logs to push, each wired to those that it reads from.

    Args:
        config: the whole configuration. Each step is given only the part that it depends on, so that a change
            elsewhere leaves its earlier result usable.
        folders: where models are pushed to and training is backed up.
        fingerprints: digests of code; a step runs again where they have changed.
        parameters: values that the steps are given from outside.
    """
    data = build_data_steps(config, fingerprints, parameters)
    models = ModelSteps(config, folders, fingerprints, parameters, data)
    components = [*data.components, *models.build_candidate()]
    if config.evaluation.compare_with_baseline:
        components += models.build_baseline()
    return components


def build_pipeline(
    config: PipelineConfig, folders: Folders, components: list[BaseNode], metadata_file: str | None = None
) -> tfx_pipeline.Pipeline:
    """Join steps into a TFX pipeline with caching.

    Args:
        config: the whole configuration.
        folders: where artifacts are written.
        components: the steps, or those of them that are to run.
        metadata_file: SQLite file of ML Metadata; None where the orchestrator keeps its own.
    """
    connection = None if metadata_file is None else metadata.sqlite_metadata_connection_config(metadata_file)
    return tfx_pipeline.Pipeline(
        pipeline_name=config.name,
        pipeline_root=folders.artifacts,
        components=components,
        enable_cache=True,
        metadata_connection_config=connection,
    )


def set_beam_arguments(components: list[BaseNode], beam: BeamConfig) -> None:
    """Write Beam's command-line arguments into the specification of each step that runs a Beam job.

    This is for graphs that are compiled. On this machine the arguments are given to the steps as they run, so that
    another runner does not invalidate earlier results (`beam_operator`).
    """
    for component in components:
        if isinstance(component.executor_spec, BeamExecutorSpec):
            component.executor_spec.beam_pipeline_args = beam.arguments(component.id)
