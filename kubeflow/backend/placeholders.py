"""Placeholders in a step's command, such as `{{$}}`, and what the launcher puts in their place."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from interestflow.kubeflow.backend.errors import StepError
from interestflow.kubeflow.backend.parameters import value_of
from interestflow.kubeflow.backend.specification import Task
from interestflow.kubeflow.backend.uris import local_path
from interestflow.kubeflow.backend.values import json_text, value_text

_PLACEHOLDER = re.compile(r"\{\{\$[^{}]*\}\}")


def with_defaults(task: Task, executor_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the executor input with the step's own defaults for parameters that have no value."""
    filled = copy.deepcopy(dict(executor_input))
    for name, spec in task.component.input_definitions.parameters.items():
        if spec.HasField("default_value"):
            filled["inputs"].setdefault("parameterValues", {}).setdefault(name, value_of(spec.default_value))
    return filled


def command_line(task: Task, executor_input: Mapping[str, Any]) -> list[str]:
    """Return command and arguments of a step with all placeholders replaced, each once.

    Args:
        task: the step.
        executor_input: its executor input, without defaults.

    Raises:
        StepError: a placeholder has no value, which the launcher would leave as it stands.
    """
    values = _values(with_defaults(task, executor_input))

    def value(match: re.Match[str]) -> str:
        if match[0] not in values:
            raise StepError(f"the command of task `{task.name}` has the placeholder {match[0]}, which has no value")
        return values[match[0]]

    return [_PLACEHOLDER.sub(value, text) for text in (*task.container.command, *task.container.args)]


def _values(executor_input: Mapping[str, Any]) -> dict[str, str]:
    inputs, outputs = executor_input["inputs"], executor_input["outputs"]
    values = {"{{$}}": json_text(executor_input)}
    for side, entries in (("inputs", inputs.get("artifacts", {})), ("outputs", outputs["artifacts"])):
        for name, entry in entries.items():
            uri = entry["artifacts"][0]["uri"]
            values[f"{{{{$.{side}.artifacts['{name}'].uri}}}}"] = uri
            values[f"{{{{$.{side}.artifacts['{name}'].path}}}}"] = local_path(uri) or uri
    for name, parameter in inputs.get("parameterValues", {}).items():
        values[f"{{{{$.inputs.parameters['{name}']}}}}"] = value_text(parameter)
    for name, parameter in outputs.get("parameters", {}).items():
        values[f"{{{{$.outputs.parameters['{name}'].output_file}}}}"] = parameter["outputFile"]
    return values
