"""What a step says of its outputs: the file `output_metadata.json`, parsed as strictly as the launcher does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from interestflow.kubeflow.backend.errors import StepError
from interestflow.kubeflow.backend.parameters import ParameterType, has_type, type_name
from interestflow.kubeflow.backend.specification import Task
from interestflow.kubeflow.backend.transfer import path_in_step
from interestflow.kubeflow.backend.uris import local_path
from interestflow.kubeflow.backend.values import as_doubles, json_text, stored_metadata

_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
"""What Go parses as booleans."""


def read_executor_output(path: Path) -> dict[str, Any]:
    """Return the executor output that a step wrote; empty where it wrote none.

    Args:
        path: the file.

    Raises:
        StepError: it is not JSON, or has a field that the protobuf lacks.
    """
    if not path.exists():
        return {}

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no number of JSON")

    try:
        text = path.read_text(encoding="utf-8")
        json.loads(text, parse_constant=refuse)
        message = json_format.Parse(text, pipeline_spec_pb2.ExecutorOutput())
    except (OSError, ValueError, AttributeError, TypeError, json_format.ParseError) as error:
        raise StepError(f"the launcher cannot parse {path.name} of the step: {error}") from None
    if message.parameters:
        raise StepError(f"{path.name} of the step has `parameters`, which the launcher ignores: use `parameterValues`")
    output: dict[str, Any] = json_format.MessageToDict(message)
    return output


def output_artifacts(
    executor_input: Mapping[str, Any], executor_output: Mapping[str, Any]
) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return URI and metadata of each output artifact, with what the step said of it merged in.

    Args:
        executor_input: the step's executor input.
        executor_output: what the step wrote.

    Raises:
        StepError: the step names an output that it does not declare, more than one artifact, or a URI that the launcher
            does not upload.
    """
    provisioned = executor_input["outputs"]["artifacts"]
    written = executor_output.get("artifacts", {})
    for name in written:
        if name not in provisioned:
            raise StepError(f"the step wrote metadata of output `{name}`, which it does not declare")
    result: dict[str, tuple[str, dict[str, Any]]] = {}
    for name, entry in provisioned.items():
        artifact = entry["artifacts"][0]
        reported = written.get(name, {}).get("artifacts", [{}])
        if len(reported) > 1:
            raise StepError(f"the step wrote {len(reported)} artifacts of output `{name}`; the launcher takes one")
        merged = artifact.get("metadata", {}) | (reported[0].get("metadata", {}) if reported else {})
        uri = (reported[0].get("uri") if reported else None) or artifact["uri"]
        result[name] = (uri, stored_metadata(name, merged))
    return result


def output_parameters(
    task: Task, executor_input: Mapping[str, Any], executor_output: Mapping[str, Any], root: Path
) -> dict[str, Any]:
    """Return the output parameters: from the executor output, else from the file of each.

    Args:
        task: the step.
        executor_input: the step's executor input.
        executor_output: what the step wrote.
        root: folder that stands for `/` inside of the step.

    Raises:
        StepError: a parameter was not written, is not declared, or has another type than declared.
    """
    declared = task.component.output_definitions.parameters
    values: dict[str, Any] = as_doubles(executor_output.get("parameterValues", {}))
    for name in values:
        if name not in declared:
            raise StepError(f"the step wrote output parameter `{name}`, which it does not declare")
    for name, entry in executor_input["outputs"].get("parameters", {}).items():
        if name not in values:
            values[name] = _read_parameter(name, path_in_step(root, entry["outputFile"]), declared[name].parameter_type)
        if not has_type(values[name], declared[name].parameter_type):
            raise StepError(
                f"output parameter `{name}` should be a {type_name(declared[name].parameter_type)}, "
                f"but is {json_text(values[name])}"
            )
    return values


def _read_parameter(name: str, path: Path, parameter_type: int) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StepError(f"the step did not write output parameter `{name}`") from None
    except (OSError, ValueError) as error:
        raise StepError(f"output parameter `{name}` cannot be read: {error}") from None
    if parameter_type == ParameterType.STRING:
        return text
    if parameter_type == ParameterType.BOOLEAN and text.strip() in _TRUE + _FALSE:
        return text.strip() in _TRUE
    try:
        return as_doubles(json.loads(text))
    except ValueError:
        raise StepError(f"output parameter `{name}` should be a {type_name(parameter_type)}, but is {text!r}") from None


def upload_path(name: str, uri: str, bucket_root: str, root: Path) -> Path:
    """Return the file or folder of the step from which an output is uploaded.

    Args:
        name: name of the output, for messages.
        uri: its URI, which the step may have changed.
        bucket_root: root of the run, below which the launcher uploads.
        root: folder that stands for `/` inside of the step.

    Raises:
        StepError: the launcher would not upload it.
    """
    path = local_path(uri)
    if path is None:
        raise StepError(f"output `{name}` has the URI {uri}, which the launcher does not upload")
    if not uri.startswith(f"{bucket_root}/"):
        raise StepError(f"output `{name}` has the URI {uri}, which is not below the root {bucket_root}")
    return path_in_step(root, path)
