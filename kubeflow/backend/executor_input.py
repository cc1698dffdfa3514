"""The executor input of a step, shaped as the driver shapes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format

from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.parameters import check_literals, converted_parameter, value_of
from interestflow.kubeflow.backend.specification import Task
from interestflow.kubeflow.backend.uris import join_uri, local_path

LOGS = "executor-logs"
"""Output that the driver adds to every step, because the default manifest sets PUBLISH_LOGS."""
OUTPUT_FILE = "output_metadata.json"
OUTPUT_PARAMETERS = "/tmp/kfp/outputs"
"""Folder of the files from which the launcher reads output parameters."""
_S3_SESSION = {
    "accessKeyKey": "accesskey", "disableSSL": "true", "endpoint": "seaweedfs.kubeflow:9000", "forcePathStyle": "true",
    "fromEnv": "false", "maxRetries": "5", "region": "us-east-1", "secretKeyKey": "secretkey",
    "secretName": "mlpipeline-minio-artifact",
}  # fmt: skip
"""What the default manifest says of its store. The secret is named only; nothing here reads it."""
_SESSIONS: Mapping[str, Mapping[str, str]] = {"gs": {"fromEnv": "true"}, "s3": _S3_SESSION, "minio": _S3_SESSION}


@dataclass(frozen=True)
class StoredArtifact:
    """Artifact of a finished step: its id in the state, its URI and its metadata as ML Metadata keeps it."""

    id: int
    uri: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class StepOutputs:
    """What a finished step left: artifacts and parameters by the names of its outputs."""

    artifacts: Mapping[str, StoredArtifact] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunContext:
    """What the steps of one run share.

    Attributes:
        pipeline: name of the pipeline.
        run_id: UUID of the run.
        root: root of all runs, without a closing slash.
        parameters: values of the run's parameters.
    """

    pipeline: str
    run_id: str
    root: str
    parameters: Mapping[str, Any]

    def task_root(self, task: str, execution: str) -> str:
        """Return the URI of a step's folder; `execution` is a new UUID for each execution."""
        return join_uri(self.root, self.pipeline, self.run_id, task, execution)


def session_info(uri: str) -> str:
    """Return the text that the launcher adds to the metadata of an artifact: store and name of its secret."""
    scheme = uri.partition("://")[0]
    return json.dumps({"Provider": scheme, "Params": _SESSIONS[scheme]}, separators=(",", ":"))


def resolve_inputs(task: Task, context: RunContext, finished: Mapping[str, StepOutputs]) -> dict[str, Any]:
    """Return `inputs` of a step's executor input.

    Args:
        task: the step.
        context: the run.
        finished: outputs of the steps that have run or were served from the cache, by name.

    Raises:
        RefusedError: a parameter has no value or another type than the step declares.
    """
    inputs: dict[str, Any] = {}
    parameters = _resolve_parameters(task, context, finished)
    artifacts = {
        name: {"artifacts": [_input_artifact(task, name, spec.task_output_artifact, finished)]}
        for name, spec in sorted(task.spec.inputs.artifacts.items())
    }
    # protojson leaves out what is empty.
    if artifacts:
        inputs["artifacts"] = artifacts
    if parameters:
        inputs["parameterValues"] = parameters
    return inputs


def _resolve_parameters(task: Task, context: RunContext, finished: Mapping[str, StepOutputs]) -> dict[str, Any]:
    declared = task.component.input_definitions.parameters
    values: dict[str, Any] = {}
    for name, source in sorted(task.spec.inputs.parameters.items()):
        value = _source_value(task, name, source, context, finished)
        if value is None and declared[name].is_optional:
            continue  # the launcher fills the step's own default in, for placeholders alone
        values[name] = converted_parameter(f"{task.name}.{name}", value, declared[name])
        check_literals(f"{task.name}.{name}", values[name], declared[name])
    return values


def _source_value(task: Task, name: str, source: Any, context: RunContext, finished: Mapping[str, StepOutputs]) -> Any:
    kind = source.WhichOneof("kind")
    if kind == "component_input_parameter":
        return context.parameters[source.component_input_parameter]
    if kind == "task_output_parameter":
        output = source.task_output_parameter
        parameters = finished[output.producer_task].parameters
        if output.output_parameter_key not in parameters:
            raise RefusedError(
                f"parameter `{task.name}.{name}`: task `{output.producer_task}` wrote no output parameter "
                f"`{output.output_parameter_key}`"
            )
        return parameters[output.output_parameter_key]
    constant = value_of(source.runtime_value.constant)
    known = {
        "{{$.pipeline_job_name}}": context.pipeline,
        "{{$.pipeline_job_resource_name}}": context.run_id,
        "{{$.pipeline_job_uuid}}": context.run_id,
        "{{$.pipeline_task_name}}": task.name,
    }
    return known.get(constant, constant) if isinstance(constant, str) else constant


def _input_artifact(task: Task, name: str, source: Any, finished: Mapping[str, StepOutputs]) -> dict[str, Any]:
    artifacts = finished[source.producer_task].artifacts
    if source.output_artifact_key not in artifacts:
        raise RefusedError(
            f"input `{task.name}.{name}`: task `{source.producer_task}` has no artifact `{source.output_artifact_key}`"
        )
    artifact = artifacts[source.output_artifact_key]
    return {
        "name": str(artifact.id),
        # The driver of the open-source backend sends no type; Vertex sends one.
        "type": {"instanceSchema": ""},
        "uri": artifact.uri,
        "metadata": dict(artifact.metadata),
    }


def provision_outputs(task: Task, task_root: str, attempt: int | None = None) -> dict[str, Any]:
    """Return `outputs` of a step's executor input.

    Args:
        task: the step.
        task_root: URI of the execution's folder.
        attempt: number of the attempt, from 0, of a step with a retry policy: each writes its own log.
    """
    definitions = task.component.output_definitions
    artifacts: dict[str, Any] = {}
    for name, spec in sorted(definitions.artifacts.items()):
        artifact = {
            "name": name,
            "type": json_format.MessageToDict(spec.artifact_type),
            "uri": join_uri(task_root, name),
        }
        if spec.HasField("metadata"):
            artifact["metadata"] = value_of(spec.metadata)
        artifacts[name] = {"artifacts": [artifact]}
    logs = LOGS if attempt is None else f"{LOGS}-{attempt}"
    artifacts[LOGS] = {
        "artifacts": [{"name": LOGS, "type": {"schemaTitle": "system.Artifact"}, "uri": join_uri(task_root, logs)}]
    }
    outputs: dict[str, Any] = {"artifacts": artifacts, "outputFile": f"{local_path(task_root)}/{OUTPUT_FILE}"}
    if definitions.parameters:
        outputs["parameters"] = {
            name: {"outputFile": f"{OUTPUT_PARAMETERS}/{name}"} for name in sorted(definitions.parameters)
        }
    return outputs
