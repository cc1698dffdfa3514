"""Compilation of a configuration's graph for Kubeflow Pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from interestflow.kubeflow.compile import CompileError, compile_pipeline, training_steps
from interestflow.kubeflow.step_rules import RunParameter, StepRules
from interestflow.pipeline.config import ConfigurationError, PipelineConfig
from interestflow.pipeline.dag.build import FINDERS, build_components, build_pipeline, set_beam_arguments
from interestflow.pipeline.dag.compile_checks import (
    BACKUPS_FOLDER,
    SERVING_FOLDER,
    SERVING_FOLDER_USERS,
    ConfigSource,
    Graph,
    Place,
    compile_mistakes,
)
from interestflow.pipeline.dag.fingerprints import Fingerprints
from interestflow.pipeline.dag.graph_parameters import GraphParameters
from interestflow.pipeline.folders import Folders
from interestflow.pipeline.run_parameters import DESCRIPTIONS

PUSH_CONDITION = " && ".join(
    f"inputs.artifacts['{blessing}'].artifacts[0].metadata['blessed'] == 1.0"
    for blessing in ("model_blessing", "infra_blessing")
)
"""When Pusher runs: both gates let the model pass. Where it does not, Kubeflow shows the step as skipped."""
DATA_CHECKS = frozenset({"LeakCheck", "DataGate"})
"""Steps that fail where the data must not be trained on."""


def compile_config(config: PipelineConfig, output: Path, source: ConfigSource | None = None) -> dict[str, Any]:
    """Build the graph of a configuration and compile it with the images, resources and root of its `kubeflow`.

    Nothing is read but the configuration: the first step of each run finds the logs as they are then.

    Args:
        config: the whole configuration.
        output: file to write (.yaml or .json).
        source: where the configuration comes from, for the sentences that refuse it.

    Returns:
        The specification as it was written.

    Raises:
        ConfigurationError: if the pipeline could not run on a cluster, with one line for each reason.
    """
    folders = Folders.on_cluster(config)
    parameters = GraphParameters.of_each_run(config)
    components = build_components(config, folders, Fingerprints.of_code(), parameters)
    set_beam_arguments(components, config.beam)
    pipeline = build_pipeline(config, folders, components)
    trainers = training_steps(pipeline)
    places = [
        Place(SERVING_FOLDER, folders.serving, SERVING_FOLDER_USERS),
        Place(BACKUPS_FOLDER, folders.backups, sorted(trainers)),
    ]
    graph = Graph([component.id for component in components], trainers)
    mistakes = compile_mistakes(config, graph, places, source or ConfigSource())
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    try:
        return compile_pipeline(pipeline, config.kubeflow, output, step_rules(config, parameters))
    except CompileError as error:
        raise ConfigurationError(str(error)) from None


def step_rules(config: PipelineConfig, parameters: GraphParameters) -> StepRules:
    """Return what the backend must know of the graph's steps, beside the graph."""
    skips_push = config.kubeflow.on_refusal == "skip_push"
    return StepRules(
        uncached=FINDERS,
        conditions={"Pusher": PUSH_CONDITION} if skips_push else {},
        verdicts=DATA_CHECKS,
        parameters=[
            RunParameter(parameter.name, parameter.default, DESCRIPTIONS[parameter.name])
            for parameter in parameters.runtime_parameters()
        ],
    )
