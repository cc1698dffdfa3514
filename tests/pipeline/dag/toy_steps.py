"""Two trivial steps for tests of the runner: one writes a number, the other doubles it or fails."""

import json
from pathlib import Path

import apache_beam as beam
from tfx.types.artifact import Artifact
from tfx.types.standard_artifacts import Examples
from tfx.v1.dsl.components import BeamComponentParameter, InputArtifact, OutputArtifact, Parameter, component


class Number(Artifact):
    TYPE_NAME = "tests.ToyNumber"  # Kubeflow asks for this form


class ToyError(Exception):
    """Raised by `Double` for a number that it does not know how to double."""


@component
def Write(number: OutputArtifact[Number], value: Parameter[int]) -> None:
    Path(number.uri, "number").write_text(str(value))


@component
def Double(number: InputArtifact[Number], double: OutputArtifact[Number]) -> None:
    value = int(Path(number.uri, "number").read_text())
    if value < 0:
        raise ToyError("the number is negative")
    Path(double.uri, "number").write_text(str(2 * value))


@component
def WriteExamples(examples: OutputArtifact[Examples], number: InputArtifact[Number] = None) -> None:
    Path(examples.uri, "examples").touch()


@component
def Unrelated(number: OutputArtifact[Number]) -> None:
    Path(number.uri, "number").write_text("0")


@component(use_beam=True)
def Options(options: OutputArtifact[Number], beam_pipeline: BeamComponentParameter[beam.Pipeline] = None) -> None:
    """Write the Beam options that the step was given."""
    values = beam_pipeline.options.get_all_options()
    shown = {name: values[name] for name in ("runner", "direct_running_mode", "direct_num_workers")}
    Path(options.uri, "options").write_text(json.dumps(shown))
