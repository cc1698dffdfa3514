"""What a step reads and writes, and where, after everything that can be checked without TFX was checked."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from interestflow.kubeflow.step.arguments import StepArguments
from interestflow.kubeflow.step.errors import StepInputError
from interestflow.kubeflow.step.executor_input import ArtifactList, ExecutorInput, RuntimeArtifact
from interestflow.kubeflow.step.locations import FOLDERS, Locations, is_below
from interestflow.kubeflow.step.metadata import received_metadata
from interestflow.kubeflow.step.parameters import execution_properties

BACKEND_TYPES = "system."
"""Beginning of the schema titles of outputs that the backend adds, such as `executor-logs`."""


@dataclass(frozen=True)
class PlannedArtifact:
    """Artifact that a step reads or writes.

    Attributes:
        title: schema title of its type.
        name: name that the backend gave it.
        uri: where the backend keeps it.
        path: local path from which the step reads it, or to which it writes it.
        metadata: its metadata, with paths for the URIs of what was downloaded.
    """

    title: str
    name: str
    uri: str
    path: str
    metadata: dict[str, Any]


@dataclass(frozen=True)
class StepPlan:
    """What a step reads and writes.

    Attributes:
        inputs: artifact of each input; an optional one that is not given is left out.
        outputs: artifact of each declared output.
        properties: value of each parameter.
        output_parameters: names of the outputs whose value the backend reads as a parameter.
        output_file: local path of the list of what was written.
        step_id: id of this execution; it stays the same when the backend tries again.
    """

    inputs: dict[str, PlannedArtifact]
    outputs: dict[str, PlannedArtifact]
    properties: dict[str, Any]
    output_parameters: list[str]
    output_file: str
    step_id: str


def plan_step(arguments: StepArguments, locations: Locations) -> StepPlan:
    """Return what a step reads and writes.

    Raises:
        StepInputError: if something is missing, not declared, or lies where the step cannot read or write it.
    """
    invocation = arguments.invocation
    output_file = locations.local(invocation.outputs.output_file)
    if arguments.pipeline_root is not None:
        _check_root(invocation, arguments.pipeline_root)
    outputs = _plan_outputs(invocation, arguments.output_types, locations)
    for name in invocation.outputs.parameters.keys() - outputs.keys():
        raise StepInputError(f"output parameter `{name}` should have an output artifact of the same name")
    return StepPlan(
        inputs=_plan_inputs(arguments, locations),
        outputs=outputs,
        properties=execution_properties(invocation.inputs.parameter_values, arguments.inputs_spec.parameters),
        output_parameters=sorted(invocation.outputs.parameters),
        output_file=output_file,
        step_id=posixpath.basename(posixpath.dirname(output_file)),
    )


def _check_root(invocation: ExecutorInput, root: str) -> None:
    """Raise an error if any output, or the file that lists them, lies below another root than `root`."""
    uris = [artifact.uri for found in invocation.outputs.artifacts.values() for artifact in found.artifacts]
    output_file = invocation.outputs.output_file
    if output_file.startswith(tuple(f"/{folder}/" for folder in FOLDERS.values())):
        uris.append(Locations().uri(output_file))
    for uri in uris:
        if not is_below(uri, root):
            raise StepInputError(
                f"the pipeline was compiled for the root {root!r}, but the run would write to {uri!r}; "
                f"submit it with its own root, or compile it again with `kubeflow.pipeline_root` set to the other"
            )


def _plan_inputs(arguments: StepArguments, locations: Locations) -> dict[str, PlannedArtifact]:
    """Return the input artifacts, with the types that the step declares; `execution_properties` treats others alike."""
    given, declared = arguments.invocation.inputs.artifacts, arguments.inputs_spec.artifacts
    for name in sorted(given.keys() - declared.keys()):
        logging.warning("input `%s` is not declared by the step, which has %s; it is left out", name, _names(declared))
    artifacts = {
        name: _single(f"input `{name}`", found) for name, found in given.items() if found.artifacts and name in declared
    }
    for name, spec in declared.items():
        if name not in artifacts and not spec.is_optional:
            logging.warning("input `%s` is declared by the step, received %s", name, _names(artifacts))
    downloaded = [artifact.uri for artifact in artifacts.values()]

    def convert(text: str) -> str:
        is_downloaded = any(is_below(text, uri) for uri in downloaded)
        return locations.path(text) if is_downloaded else text

    inputs = {}
    for name, artifact in sorted(artifacts.items()):
        title = declared[name].artifact_type.title
        if not title:
            raise StepInputError(f"the type of input `{name}` should stand in the step's own declaration")
        path = _path(f"input `{name}`", artifact.uri, locations)
        metadata = received_metadata(artifact.metadata, convert)
        inputs[name] = PlannedArtifact(title, artifact.name, artifact.uri, path, metadata)
    return inputs


def _plan_outputs(
    invocation: ExecutorInput, types: Mapping[str, str], locations: Locations
) -> dict[str, PlannedArtifact]:
    """Return the declared output artifacts, without those that the backend added for itself."""
    given = invocation.outputs.artifacts
    for name, found in given.items():
        if name not in types and not all(item.type.title.startswith(BACKEND_TYPES) for item in found.artifacts):
            raise StepInputError(f"output `{name}` is not declared by the step, which has {_names(types)}")
    outputs = {}
    for name, title in sorted(types.items()):
        if name not in given:
            raise StepInputError(f"output `{name}` is declared by the step, received {_names(given)}")
        artifact = _single(f"output `{name}`", given[name])
        path = _path(f"output `{name}`", artifact.uri, locations)
        outputs[name] = PlannedArtifact(title, artifact.name, artifact.uri, path, artifact.metadata)
    return outputs


def _single(label: str, found: ArtifactList) -> RuntimeArtifact:
    """Return the only artifact of a list."""
    if len(found.artifacts) != 1:
        raise StepInputError(f"{label} should be one artifact, received {len(found.artifacts)}")
    return found.artifacts[0]


def _path(label: str, uri: str, locations: Locations) -> str:
    """Return the path of an artifact's URI; errors name the artifact."""
    try:
        return locations.path(uri).rstrip("/")
    except StepInputError as error:
        raise StepInputError(f"{label}: {error}") from None


def _names(names: Iterable[str]) -> str:
    """Return names as they stand in a message."""
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none"
