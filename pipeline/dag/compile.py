"""Compilation of a configuration's graph for Kubeflow Pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from interestflow.kubeflow.compile import compile_pipeline
from interestflow.kubeflow.step_rules import RunParameter, StepRules
from interestflow.pipeline.config import ConfigurationError, PipelineConfig
from interestflow.pipeline.dag.build import FINDERS, build_components, build_pipeline
from interestflow.pipeline.dag.fingerprints import Fingerprints
from interestflow.pipeline.dag.graph_parameters import GraphParameters
from interestflow.pipeline.folders import Folders
from interestflow.pipeline.run_parameters import DESCRIPTIONS

PUSH_CONDITION = " && ".join(
    f"inputs.artifacts['{blessing}'].artifacts[0].metadata['blessed'] == 1.0"
    for blessing in ("model_blessing", "infra_blessing")
)
"""When Pusher runs: both gates let the model pass. Where it does not, Kubeflow shows the step as skipped."""


def compile_config(config: PipelineConfig, output: Path) -> dict[str, Any]:
    """Build the graph of a configuration and compile it with the images, resources and root of its `kubeflow`.

    Nothing is read but the configuration: the first step of each run finds the logs as they are then.

    Args:
        config: the whole configuration.
        output: file to write (.yaml or .json).

    Returns:
        The specification as it was written.
    """
    if config.kubeflow.image is None or config.kubeflow.pipeline_root is None:
        raise ConfigurationError("`kubeflow.image` and `kubeflow.pipeline_root` are needed to compile")
    folders = Folders.on_cluster(config)
    parameters = GraphParameters.of_each_run(config)
    components = build_components(config, folders, Fingerprints.of_code(), parameters)
    pipeline = build_pipeline(config, folders, components)
    return compile_pipeline(pipeline, config.kubeflow, output, step_rules(config, parameters))


def step_rules(config: PipelineConfig, parameters: GraphParameters) -> StepRules:
    """Return what the backend must know of the graph's steps, beside the graph."""
    return StepRules(
        uncached=FINDERS,
        conditions={"Pusher": PUSH_CONDITION} if config.kubeflow.on_refusal == "skip_push" else {},
        parameters=[
            RunParameter(parameter.name, parameter.default, DESCRIPTIONS[parameter.name])
            for parameter in parameters.runtime_parameters()
        ],
    )
