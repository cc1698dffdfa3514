"""File in which a step lists what it wrote, for the backend."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Mapping
from typing import Any

from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact

from interestflow.kubeflow.step.artifacts import artifact_metadata
from interestflow.kubeflow.step.errors import StepInputError
from interestflow.kubeflow.step.metadata import sent_metadata
from interestflow.kubeflow.step.plan import StepPlan

PARAMETERS = (
    standard_artifacts.String,
    standard_artifacts.Integer,
    standard_artifacts.Float,
    standard_artifacts.Boolean,
    standard_artifacts.JsonValue,
)
"""Artifact types whose value may be an output parameter."""


def write_executor_output(plan: StepPlan, outputs: Mapping[str, Artifact]) -> None:
    """Write the URI and metadata of each output artifact, and the value of each output parameter.

    Raises:
        StepInputError: if an output parameter has no value that the backend can hold.
    """
    document = {
        "artifacts": {name: {"artifacts": [_artifact(name, plan, outputs[name])]} for name in outputs},
        "parameterValues": {name: _parameter(name, outputs[name]) for name in plan.output_parameters},
    }
    os.makedirs(os.path.dirname(plan.output_file), exist_ok=True)
    with open(plan.output_file, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2, allow_nan=False)


def _artifact(name: str, plan: StepPlan, artifact: Artifact) -> dict[str, Any]:
    """Return the entry of an output artifact, with URIs in place of paths."""
    planned = plan.outputs[name]
    folders = [(found.path, found.uri) for found in (*plan.outputs.values(), *plan.inputs.values())]

    def convert(text: str) -> str:
        return next(
            (uri + text[len(path) :] for path, uri in folders if text == path or text.startswith(f"{path}/")), text
        )

    metadata, omitted = sent_metadata(artifact_metadata(artifact), convert)
    for key in omitted:
        logging.warning("output `%s`: its property `%s` has no value that the backend can hold, left out", name, key)
    return {"name": planned.name, "uri": planned.uri, "metadata": metadata}


def _parameter(name: str, artifact: Artifact) -> Any:
    """Return the value of an output parameter."""
    if not isinstance(artifact, PARAMETERS):
        raise StepInputError(
            f"output parameter `{name}` should be a String, Integer, Float, Boolean or JsonValue, "
            f"received the artifact type {type(artifact).__name__}"
        )
    try:
        value = artifact.read()
    except ValueError as error:  # the executor wrote nothing
        raise StepInputError(f"output parameter `{name}` has no value: {error}") from None
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        raise StepInputError(f"output parameter `{name}` should have a value, received {value}")
    return value
