"""A compiled specification: pipeline and platform document, parsed by the protobufs that the backend has."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.placement import Placement, parse_placement
from interestflow.kubeflow.backend.resources import Resources, parse_resources

SCHEMA_VERSION = "2.1.0"
_NAME = re.compile(r"^[a-z0-9]([-a-z0-9_]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9_]*[a-z0-9])?)*$")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Ten times as fast where PyYAML was built with libyaml: compiled specifications have long lines."""
_TASK_NAME = re.compile(r"^[A-Za-z0-9][-_A-Za-z0-9]*$")
_OUTPUT_NAME = re.compile(r"^[A-Za-z0-9_][-_.A-Za-z0-9]*$")


@dataclass(frozen=True)
class Task:
    """One step of the pipeline.

    Attributes:
        name: key of the task, which is also its folder.
        spec: its `PipelineTaskSpec`.
        component: its `ComponentSpec`.
        container: its `PipelineContainerSpec`.
        placement: what the platform document asks for it.
        resources: its limits.
    """

    name: str
    spec: Any
    component: Any
    container: Any
    placement: Placement
    resources: Resources


@dataclass(frozen=True)
class Specification:
    """A compiled pipeline.

    Attributes:
        name: name of the pipeline.
        default_root: `defaultPipelineRoot`, which the backend ignores.
        parameters: declarations of the run's parameters, by name.
        tasks: the steps, by name, in no particular order.
    """

    name: str
    default_root: str
    parameters: Mapping[str, Any]
    tasks: Mapping[str, Task]


def read_specification(path: Path) -> Specification:
    """Read a specification and refuse what the API server and the compiler to Argo would refuse.

    Args:
        path: file with one or two YAML documents, or JSON where its name ends in `.json`.

    Raises:
        RefusedError: the file cannot be read or has a field that the protobufs lack, or a kind of step that the
            open-source backend or this machine cannot execute.
    """
    documents = _documents(path)
    spec = _parse(f"{path}: the pipeline specification", documents[0], pipeline_spec_pb2.PipelineSpec())
    if spec.schema_version != SCHEMA_VERSION:
        raise RefusedError(f"{path}: `schemaVersion` should be {SCHEMA_VERSION}, but is {spec.schema_version!r}")
    if not _NAME.match(spec.pipeline_info.name):
        raise RefusedError(
            f"{path}: `pipelineInfo.name` should be lower-case letters, digits, `-`, `_` and `.`, "
            f"but is {spec.pipeline_info.name!r}"
        )
    if not spec.root.dag.tasks:
        raise RefusedError(f"{path}: `root.dag.tasks` is empty")
    deployment = _parse(
        f"{path}: `deploymentSpec`",
        json_format.MessageToDict(spec.deployment_spec),
        pipeline_spec_pb2.PipelineDeploymentConfig(),
    )
    placements = _placements(path, documents[1] if len(documents) > 1 else {}, set(deployment.executors))
    tasks = {name: _task(name, task, spec, deployment, placements) for name, task in spec.root.dag.tasks.items()}
    return Specification(
        spec.pipeline_info.name, spec.default_pipeline_root, dict(spec.root.input_definitions.parameters), tasks
    )


def _documents(path: Path) -> list[Any]:
    try:
        text = path.read_text()
        documents = [json.loads(text)] if path.suffix == ".json" else list(yaml.load_all(text, _LOADER))
    except OSError as error:
        raise RefusedError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, yaml.YAMLError) as error:
        raise RefusedError(f"{path} is not {'JSON' if path.suffix == '.json' else 'YAML'}: {error}") from None
    documents = [document for document in documents if document is not None]
    if not 1 <= len(documents) <= 2:
        raise RefusedError(
            f"{path} should have a pipeline specification and at most one platform document, but has "
            f"{len(documents)} documents"
        )
    return documents


def _parse(place: str, document: Any, message: Any) -> Any:
    if not isinstance(document, dict):
        raise RefusedError(f"{place} should be a mapping, but is a {type(document).__name__}")
    try:
        return json_format.ParseDict(document, message)
    # A value of another kind than the field's is one or the other of these.
    except (json_format.ParseError, AttributeError, TypeError, ValueError) as error:
        raise RefusedError(f"{place}: {error}") from None


def _placements(path: Path, document: Any, executors: set[str]) -> dict[str, Placement]:
    platforms = _parse(f"{path}: the platform document", document, pipeline_spec_pb2.PlatformSpec()).platforms
    for platform in platforms:
        if platform != "kubernetes":
            raise RefusedError(f"{path}: the platform document has `{platform}`; only `kubernetes` is read")
    if "kubernetes" not in platforms:
        if document:
            raise RefusedError(f"{path}: the second document has no `platforms.kubernetes`")
        return {}
    kubernetes = platforms["kubernetes"]
    if kubernetes.HasField("pipelineConfig"):
        raise RefusedError(f"{path}: `pipelineConfig` of the platform document needs a cluster")
    configs = kubernetes.deployment_spec.executors
    for label in configs:
        if label not in executors:
            raise RefusedError(f"{path}: the platform document names executor `{label}`, which the pipeline lacks")
    return {label: parse_placement(label, config) for label, config in configs.items()}


def _task(name: str, task: Any, spec: Any, deployment: Any, placements: Mapping[str, Placement]) -> Task:
    place = f"task `{name}`"
    if task.task_info.name != name:
        raise RefusedError(f"{place}: `taskInfo.name` should be {name!r}, but is {task.task_info.name!r}")
    if not _TASK_NAME.match(name):
        raise RefusedError(f"{place}: a name of a task should be letters, digits, `-` and `_`")
    component_name = task.component_ref.name
    if component_name not in spec.components:
        raise RefusedError(f"{place}: component `{component_name}` does not exist")
    component = spec.components[component_name]
    if component.WhichOneof("implementation") != "executor_label":
        raise RefusedError(
            f"{place}: component `{component_name}` has no `executorLabel`; nested graphs are not executed"
        )
    label = component.executor_label
    if label not in deployment.executors:
        raise RefusedError(f"{place}: executor `{label}` does not exist")
    outputs = component.output_definitions
    for output in (*outputs.artifacts, *outputs.parameters):
        if not _OUTPUT_NAME.match(output):
            raise RefusedError(f"{place}: output {output!r} should be letters, digits, `-`, `_` and `.`")
    container = _container(place, label, deployment.executors[label], component)
    return Task(
        name,
        task,
        component,
        container,
        placements.get(label, Placement()),
        parse_resources(label, container.resources),
    )


def _container(place: str, label: str, executor: Any, component: Any) -> Any:
    kind = executor.WhichOneof("spec")
    if kind == "resolver":
        raise RefusedError(f"{place}: the backend does not implement resolvers (`{label}`)")
    if kind == "importer":
        outputs = component.output_definitions.artifacts.values()
        types = " ".join(str(output.artifact_type).strip() for output in outputs)
        raise RefusedError(f"{place}: importers are not executed (`{label}`, of the schema {types or 'unknown'})")
    if kind == "custom_job":
        raise RefusedError(f"{place}: custom jobs exist on Google Cloud alone (`{label}`)")
    if kind != "container":
        raise RefusedError(f"{place}: executor `{label}` is empty")
    container = executor.container
    if not container.image:
        raise RefusedError(f"{place}: the container of executor `{label}` has no `image`")
    if container.image.startswith("argostub/"):
        raise RefusedError(f"{place}: {container.image} makes or deletes a volume, which needs a cluster")
    if not container.command and not container.args:
        raise RefusedError(f"{place}: the container of executor `{label}` has no `command`")
    if container.HasField("lifecycle"):
        raise RefusedError(f"{place}: the backend ignores `lifecycle.preCacheCheck` (executor `{label}`)")
    return container
