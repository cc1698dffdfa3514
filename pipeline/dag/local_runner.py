"""Runs the graph on this machine, one step after the other, and reports each step as it starts and ends."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.placeholder.placeholder import Placeholder
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.proto.orchestration import pipeline_pb2
from tfx.proto.orchestration.executable_spec_pb2 import BeamExecutableSpec
from tfx.types.channel import BaseChannel
from tfx.types.channel_utils import get_dependent_channels

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.beam_operator import BeamStepOperator
from interestflow.pipeline.dag.beam_places import check_places, clean_folders
from interestflow.pipeline.dag.build import build_components, build_pipeline
from interestflow.pipeline.dag.fingerprints import Fingerprints
from interestflow.pipeline.dag.graph_parameters import GraphParameters
from interestflow.pipeline.folders import Folders
from interestflow.readable_reason import readable_reason

Outcome = Literal["done", "cached", "failed"]


class StepFailedError(Exception):
    """A step raised an error and ended the run; the message is one readable reason.

    Attributes:
        step: id of the step.
        reason: message of the error at the root.
    """

    def __init__(self, step: str, reason: str) -> None:
        """Store the step and its reason, and join them as the message."""
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason


@dataclass(frozen=True)
class StepResult:
    """Outcome of one step.

    Attributes:
        name: id of the step.
        outcome: `"cached"` where an earlier result was reused.
        seconds: wall time.
        outputs: folder of each output artifact, by the output's key; empty for a step that failed.
    """

    name: str
    outcome: Outcome
    seconds: float
    outputs: dict[str, str]


def run(
    config: PipelineConfig,
    folders: Folders,
    started: Callable[[str], None] = lambda name: None,
    finished: Callable[[StepResult], None] = lambda result: None,
    until: str | None = None,
) -> dict[str, StepResult]:
    """Run every step whose input, code or configuration has changed since it last ran.

    Args:
        config: the whole configuration.
        folders: where everything is stored. A run that was stopped continues from the results there.
        started: called with a step's name as it starts.
        finished: called with its result as it ends, also where it failed.
        until: name of a step; with it, only that step and those that it depends on are run.

    Returns:
        The result of each step by its name.

    Raises:
        StepFailedError: with the reason of the step that stopped the run.
        BeamRunnerError: if the workers of a Beam runner may not see a folder of the run.
    """
    fingerprints = Fingerprints.of_code()
    parameters = GraphParameters.constants(config, folders, fingerprints)
    components = build_components(config, folders, fingerprints, parameters)
    if until is not None:
        components = _with_dependencies(components, until)
    check_places(config, folders, [component.id for component in components])
    pipeline = _compile(config, folders, components)
    with clean_folders(folders):
        return _run_steps(config, folders, pipeline, started, finished)


def _run_steps(
    config: PipelineConfig,
    folders: Folders,
    pipeline: pipeline_pb2.Pipeline,
    started: Callable[[str], None],
    finished: Callable[[StepResult], None],
) -> dict[str, StepResult]:
    """Run the steps in their order; arguments, result and errors are those of `run`."""
    connection = metadata.sqlite_metadata_connection_config(folders.metadata)
    results: dict[str, StepResult] = {}
    for node in pipeline.nodes:
        name = node.pipeline_node.node_info.id
        started(name)
        start = time.monotonic()
        try:
            outputs, is_cached = _launch(pipeline, node.pipeline_node, connection, config.beam.arguments(name))
        except Exception as error:  # any error of a step ends the run with its reason; the log has the details
            finished(StepResult(name, "failed", time.monotonic() - start, {}))
            raise StepFailedError(name, readable_reason(error)) from error
        results[name] = StepResult(name, "cached" if is_cached else "done", time.monotonic() - start, outputs)
        finished(results[name])
    return results


def _compile(config: PipelineConfig, folders: Folders, components: list[BaseNode]) -> pipeline_pb2.Pipeline:
    """Compile the steps to TFX's intermediate representation, with the current time as the id of the run."""
    pipeline = compiler.Compiler().compile(build_pipeline(config, folders, components, folders.metadata))
    run_id = datetime.datetime.now().isoformat()
    runtime_parameter_utils.substitute_runtime_parameter(pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id})
    return pipeline


def _launch(
    pipeline: pipeline_pb2.Pipeline,
    node: pipeline_pb2.PipelineNode,
    connection: metadata_store_pb2.ConnectionConfig,
    beam_arguments: list[str],
) -> tuple[dict[str, str], bool]:
    """Run one step or reuse its earlier result.

    Returns:
        The folder of each output by its key, and whether the result came from the cache.
    """
    name = node.node_info.id
    deployment = runner_utils.extract_local_deployment_config(pipeline)
    execution = launcher.Launcher(
        pipeline_node=node,
        mlmd_connection=metadata.Metadata(connection),
        pipeline_info=pipeline.pipeline_info,
        pipeline_runtime_spec=pipeline.runtime_spec,
        executor_spec=runner_utils.extract_executor_spec(deployment, name),
        custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, name),
        custom_executor_operators={BeamExecutableSpec: BeamStepOperator.with_arguments(beam_arguments)},
    ).launch()
    # For a step served from the cache, the launcher itself returns folders that were never written.
    with metadata.Metadata(connection) as handle:
        artifacts_by_key = execution_lib.get_output_artifacts(handle, execution.execution_id)
        (record,) = handle.store.get_executions_by_id([execution.execution_id])
    outputs = {key: artifacts[0].uri for key, artifacts in artifacts_by_key.items() if artifacts}
    return outputs, record.last_known_state == metadata_store_pb2.Execution.CACHED


def _channels(component: BaseNode) -> list[BaseChannel]:
    """Return the channels that a component reads: artifacts, and values that it is given as parameters."""
    values = (value for value in component.exec_properties.values() if isinstance(value, Placeholder))
    return [*component.inputs.values(), *(channel for value in values for channel in get_dependent_channels(value))]


def _with_dependencies(components: list[BaseNode], name: str) -> list[BaseNode]:
    """Return the component called `name` and all its dependencies, in their order."""
    by_name = {component.id: component for component in components}
    needed, waiting = set(), [name]
    while waiting:
        component = by_name[waiting.pop()]
        needed.add(component.id)
        waiting += [node.id for node in component.upstream_nodes]
        for channel in _channels(component):
            waiting += channel.get_data_dependent_node_ids()
    return [component for component in components if component.id in needed]
