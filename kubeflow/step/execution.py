"""Execution of a step's executor by TFX, as TFX's local launcher does it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence

import apache_beam as beam
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.orchestration.portable import outputs_utils
from tfx.orchestration.portable.data_types import ExecutionInfo
from tfx.orchestration.portable.python_executor_operator import run_with_executor
from tfx.proto.orchestration.execution_result_pb2 import ExecutorOutput
from tfx.types.artifact import Artifact
from tfx.types.value_artifact import ValueArtifact
from tfx.utils import import_utils

from interestflow.beam_runner.guard import guard_step
from interestflow.kubeflow.step.artifacts import build_artifact
from interestflow.kubeflow.step.errors import StepInputError
from interestflow.kubeflow.step.folders import close_output, prepare_output
from interestflow.kubeflow.step.plan import StepPlan


def import_executor(path: str) -> type[BaseExecutor]:
    """Return the executor's class.

    Raises:
        StepInputError: if it cannot be imported.
    """
    try:
        executor = import_utils.import_class_by_path(path)
    except Exception as error:  # a module may raise anything while it is imported
        reason = error.__cause__ or error
        raise StepInputError(f"the executor `{path}` cannot be imported: {type(reason).__name__}: {reason}") from None
    if not (isinstance(executor, type) and issubclass(executor, BaseExecutor)):
        raise StepInputError(f"the executor `{path}` is not the class of a TFX executor")
    return executor


def execute(executor: type[BaseExecutor], plan: StepPlan, beam_arguments: Sequence[str]) -> dict[str, Artifact]:
    """Run an executor on the planned inputs and outputs.

    Scratch files lie in a private folder that is removed again. The launcher would not upload them from next to the
    outputs, but would hold them on the disk of the pod.

    Returns:
        Each output artifact, with the properties that the executor set, ready for the upload.

    Raises:
        StepInputError: if an input is not what its type needs, or the executor left an output that cannot be uploaded.
    """
    inputs = {name: build_artifact(f"input `{name}`", artifact) for name, artifact in plan.inputs.items()}
    outputs = {name: build_artifact(f"output `{name}`", artifact) for name, artifact in plan.outputs.items()}
    for name, artifact in inputs.items():
        if isinstance(artifact, ValueArtifact) != os.path.isfile(artifact.uri):
            expected = "a file" if isinstance(artifact, ValueArtifact) else "a folder"
            raise StepInputError(f"input `{name}` should be {expected}, received another kind at {artifact.uri}")
    for artifact in outputs.values():
        prepare_output(artifact.uri, is_file=isinstance(artifact, ValueArtifact))
    with tempfile.TemporaryDirectory(prefix="interestflow-step-", ignore_cleanup_errors=True) as folder:
        information = ExecutionInfo(
            input_dict={name: [artifact] for name, artifact in inputs.items()},
            output_dict={name: [artifact] for name, artifact in outputs.items()},
            exec_properties=dict(plan.properties),
            execution_output_uri=os.path.join(folder, "executor_output.pb"),
            stateful_working_dir=os.path.join(folder, "state"),
            tmp_dir=os.path.join(folder, "tmp"),
        )
        result = _run(executor, information, plan.step_id, list(beam_arguments))
    if result.execution_result.code:
        raise StepInputError(f"the executor reported a failure: {result.execution_result.result_message}")
    for name, artifact in outputs.items():
        written = (
            result.output_artifacts[name].artifacts if name in result.output_artifacts else [artifact.mlmd_artifact]
        )
        if len(written) != 1 or written[0].uri != artifact.uri:
            places = ", ".join(message.uri for message in written) or "nothing"
            raise StepInputError(
                f"output `{name}` should be one artifact at {artifact.uri}, the executor wrote {places}"
            )
        artifact.set_mlmd_artifact(written[0])
        close_output(name, artifact.uri)
    outputs_utils.tag_output_artifacts_with_version(information.output_dict)
    return outputs


def _run(
    executor: type[BaseExecutor], information: ExecutionInfo, step_id: str, beam_arguments: list[str]
) -> ExecutorOutput:
    """Run an executor, with the checks that every Beam job has around it."""
    instance = _build(executor, information, step_id, beam_arguments)
    if not issubclass(executor, BaseBeamExecutor):
        return run_with_executor(information, instance)
    with guard_step(beam_arguments, information.input_dict, information.output_dict):
        return run_with_executor(information, instance)


def _build(
    executor: type[BaseExecutor], information: ExecutionInfo, step_id: str, beam_arguments: list[str]
) -> BaseExecutor:
    """Return an instance of the executor with the context that TFX gives it."""
    os.makedirs(information.tmp_dir)
    context = {
        "extra_flags": [] if issubclass(executor, BaseBeamExecutor) else beam_arguments,
        "tmp_dir": information.tmp_dir,
        "unique_id": step_id,
        "executor_output_uri": information.execution_output_uri,
        "stateful_working_dir": information.stateful_working_dir,
    }
    if issubclass(executor, BaseBeamExecutor):
        # Given as arguments, TFX would pack its own sources for the workers, which takes seconds.
        return executor(
            BaseBeamExecutor.Context(make_beam_pipeline_fn=lambda: beam.Pipeline(argv=beam_arguments), **context)
        )
    return executor(BaseExecutor.Context(**context))
