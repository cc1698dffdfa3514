"""Placeholders in a command are replaced once, by what the launcher puts there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from interestflow.kubeflow.backend.errors import StepError
from interestflow.kubeflow.backend.placeholders import command_line
from tests.kubeflow.backend.toy_pipelines import Step, read_task

EXECUTOR_INPUT: dict[str, Any] = {
    "inputs": {
        "artifacts": {"model": {"artifacts": [{"name": "1", "uri": "s3://b/model"}]}},
        "parameterValues": {"rate": 0.5, "count": 3.0, "text": "{{$}}", "flag": True, "names": ["a"]},
    },
    "outputs": {
        "artifacts": {"report": {"artifacts": [{"name": "report", "uri": "gs://b/report"}]}},
        "parameters": {"found": {"outputFile": "/tmp/kfp/outputs/found"}},
        "outputFile": "/s3/b/output_metadata.json",
    },
}


def replaced(folder: Path, *arguments: str) -> list[str]:
    task = read_task(folder, Step(container={"command": ["run"], "args": list(arguments)}))
    program, *rest = command_line(task, EXECUTOR_INPUT)
    assert program == "run"
    return rest


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("--in={{$.inputs.artifacts['model'].uri}}", "--in=s3://b/model"),
        ("{{$.inputs.artifacts['model'].path}}", "/s3/b/model"),
        ("{{$.outputs.artifacts['report'].uri}}", "gs://b/report"),
        ("{{$.outputs.artifacts['report'].path}}", "/gcs/b/report"),
        ("{{$.outputs.parameters['found'].output_file}}", "/tmp/kfp/outputs/found"),
        ("{{$.inputs.parameters['rate']}} {{$.inputs.parameters['count']}}", "0.5 3"),
        ("{{$.inputs.parameters['flag']}} {{$.inputs.parameters['names']}}", 'true ["a"]'),
        ("{{$.inputs.parameters['text']}}", "{{$}}"),
        ("plain {text} {{text}}", "plain {text} {{text}}"),
    ],
)
def test_a_placeholder_has_its_value(argument: str, text: str, tmp_path: Path) -> None:
    assert replaced(tmp_path, argument) == [text]


def test_the_whole_executor_input_is_compact_json(tmp_path: Path) -> None:
    (text,) = replaced(tmp_path, "{{$}}")
    assert json.loads(text) == EXECUTOR_INPUT
    assert '"count":3,' in text


def test_defaults_of_the_step_are_filled_in_for_its_command(tmp_path: Path) -> None:
    task = read_task(tmp_path, Step(container={"command": ["run", "{{$.inputs.parameters['depth']}}"], "args": []}))
    spec = task.component.input_definitions.parameters["depth"]
    spec.parameter_type, spec.is_optional = 2, True
    spec.default_value.number_value = 4
    assert command_line(task, EXECUTOR_INPUT) == ["run", "4"]
    assert "depth" not in EXECUTOR_INPUT["inputs"]["parameterValues"]


def test_a_placeholder_without_a_value_fails_the_step(tmp_path: Path) -> None:
    with pytest.raises(
        StepError, match=r"task `Only` has the placeholder \{\{\$.inputs.parameters\['x'\]\}\}, which has"
    ):
        replaced(tmp_path, "{{$.inputs.parameters['x']}}")
