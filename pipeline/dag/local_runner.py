"""Runs the graph on this machine, one step after the other, and tells what happens as it happens."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.orchestration.portable.mlmd import execution_lib

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.beam_arguments import BEAM_ARGUMENTS
from interestflow.pipeline.dag.build import Fingerprints, build_components
from interestflow.pipeline.folders import Folders

OWN_PACKAGE = "interestflow"
"""Errors from here are written for the person who runs the pipeline; others are named with their type."""

Outcome = Literal["done", "cached", "failed"]


class StepFailedError(Exception):
    """A step that did not finish; the message is one readable reason."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason


@dataclass(frozen=True)
class StepResult:
    """What became of one step. `outputs` has the folder of each thing that it made, by the thing's name."""

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
    """Runs every step whose input, code or configuration has changed since it last ran.

    Args:
        config: the whole configuration.
        folders: where everything is kept. A run that was stopped goes on from what it finds there.
        started: called with a step's name as it starts.
        finished: called with its result as it ends, also where it failed.
        until: name of a step; with it, only that step and those that it needs are run.

    Returns:
        The result of each step by its name.

    Raises:
        StepFailedError: with the reason of the step that stopped the run.
    """
    connection = metadata.sqlite_metadata_connection_config(folders.metadata)
    components = build_components(config, folders, Fingerprints.of(config))
    if until is not None:
        components = _needed(components, until)
    pipeline = compiler.Compiler().compile(
        tfx_pipeline.Pipeline(
            pipeline_name=config.name,
            pipeline_root=folders.artifacts,
            components=components,
            enable_cache=True,
            metadata_connection_config=connection,
            beam_pipeline_args=BEAM_ARGUMENTS,
        )
    )
    run_id = datetime.datetime.now().isoformat()
    runtime_parameter_utils.substitute_runtime_parameter(pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id})
    deployment = runner_utils.extract_local_deployment_config(pipeline)
    results = {}
    for node in pipeline.nodes:
        name = node.pipeline_node.node_info.id
        started(name)
        start = datetime.datetime.now()
        step = launcher.Launcher(
            pipeline_node=node.pipeline_node,
            mlmd_connection=metadata.Metadata(connection),
            pipeline_info=pipeline.pipeline_info,
            pipeline_runtime_spec=pipeline.runtime_spec,
            executor_spec=runner_utils.extract_executor_spec(deployment, name),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, name),
        )

        def seconds(since: datetime.datetime = start) -> float:
            return (datetime.datetime.now() - since).total_seconds()

        try:
            execution = step.launch()
        except Exception as error:  # whatever a step raises ends the run with its reason; the log has the rest
            finished(StepResult(name, "failed", seconds(), {}))
            raise StepFailedError(name, readable_reason(error)) from error
        # What the launcher itself returns for a step served from cache are folders that were never made.
        with metadata.Metadata(connection) as handle:
            made = execution_lib.get_output_artifacts(handle, execution.execution_id)
            (found,) = handle.store.get_executions_by_id([execution.execution_id])
        outputs = {key: artifacts[0].uri for key, artifacts in made.items() if artifacts}
        cached = found.last_known_state == metadata_store_pb2.Execution.CACHED
        results[name] = StepResult(name, "cached" if cached else "done", seconds(), outputs)
        finished(results[name])
    return results


def _needed(components: list[BaseNode], name: str) -> list[BaseNode]:
    """The component called `name` and all that come before it."""
    by_name = {component.id: component for component in components}
    needed, waiting = set(), [name]
    while waiting:
        component = by_name[waiting.pop()]
        needed.add(component.id)
        waiting += [node.id for node in component.upstream_nodes]
        for channel in component.inputs.values():
            waiting += channel.get_data_dependent_node_ids()
    return [component for component in components if component.id in needed]


def readable_reason(error: BaseException) -> str:
    """The message of the error at the root of `error`, without what Beam and TFX wrap around it."""
    root: Any = error
    while root.__cause__ is not None or (root.__context__ is not None and not root.__suppress_context__):
        root = root.__cause__ or root.__context__
    text = str(root).split(" [while running")[0].strip() or type(root).__name__
    if type(root).__module__.split(".")[0] == OWN_PACKAGE:
        return text
    return f"{type(root).__name__}: {text}"
