"""Executes a step of the graph as TFX does, on artifacts in folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types.artifact import Artifact
from tfx.types.standard_artifacts import String

from tests.beam_arguments import BEAM_ARGUMENTS


def execute(component: Any, inputs: dict[str, Artifact], outputs: dict[str, Artifact], **properties: Any) -> None:
    executor = component.EXECUTOR_SPEC.executor_class
    beam = issubclass(executor, BaseBeamExecutor)
    context = BaseBeamExecutor.Context(BEAM_ARGUMENTS) if beam else BaseExecutor.Context()
    executor(context).Do(
        {name: [artifact] for name, artifact in inputs.items()},
        {name: [artifact] for name, artifact in outputs.items()},
        properties,
    )


def make_value(file: Path) -> String:
    """Return an artifact that holds a text in `file`."""
    artifact = String()
    artifact.uri = str(file)
    return artifact


def make_artifact(folder: Path, kind: type[Artifact]) -> Artifact:
    folder.mkdir(parents=True, exist_ok=True)
    artifact = kind()
    artifact.uri = str(folder)
    return artifact
