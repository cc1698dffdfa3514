"""The key under which the backend finds an earlier execution of a step."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from interestflow.kubeflow.backend.parameters import type_name
from interestflow.kubeflow.backend.specification import Task
from interestflow.kubeflow.backend.values import json_text


def cache_fingerprint(task: Task, executor_input: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what the backend compares: image, command, parameters, ids of inputs, outputs, volumes.

    The root, the environment and the resources are not in it, nor the contents of inputs.

    Args:
        task: the step.
        executor_input: its executor input.
    """
    inputs, outputs = executor_input["inputs"], executor_input["outputs"]
    container: dict[str, Any] = {
        "image": task.container.image,
        "cmdArgs": [*task.container.command, *task.container.args],
    }
    claims = sorted({volume.claim for volume in task.placement.volumes if not volume.is_secret})
    if claims:
        container["pvcNames"] = claims
    key = {
        "inputArtifactNames": {
            name: {"artifactNames": [artifact["name"] for artifact in entry["artifacts"]]}
            for name, entry in inputs.get("artifacts", {}).items()
        },
        "inputParameterValues": inputs.get("parameterValues", {}),
        "outputArtifactsSpec": {
            name: {field: value for field, value in entry["artifacts"][0].items() if field != "uri"}
            for name, entry in outputs["artifacts"].items()
        },
        "outputParametersSpec": {
            name: type_name(spec.parameter_type) for name, spec in task.component.output_definitions.parameters.items()
        },
        "containerSpec": container,
    }
    text = json_text({name: value for name, value in key.items() if value}, is_sorted=True)
    return hashlib.sha256(_escaped(text).encode()).hexdigest()


def _escaped(text: str) -> str:
    """Escape what Go's JSON escapes and Python's does not."""
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
