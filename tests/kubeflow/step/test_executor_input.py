"""What the backend sends is read, and what a later backend may add is ignored."""

from __future__ import annotations

import pytest

from interestflow.kubeflow.step.executor_input import ArtifactType, ExecutorInput, InputsSpec
from tests.kubeflow.step.commands import RECORDINGS


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"schemaTitle": "system.Artifact"}, "system.Artifact"),
        ({"instanceSchema": "title: tfx.Model\ntype: object\n"}, "tfx.Model"),
        ({"instanceSchema": ""}, ""),
        ({"instanceSchema": "type: object\n"}, ""),
        ({"instanceSchema": "a: [b"}, ""),
        ({"instanceSchema": "text"}, ""),
        ({"schemaUri": "somewhere"}, ""),
        ({}, ""),
    ],
)
def test_the_title_stands_in_either_field(fields: dict[str, str], title: str) -> None:
    assert ArtifactType.model_validate(fields).title == title


@pytest.mark.parametrize("step", sorted(RECORDINGS))
def test_every_recorded_input_is_read(step: str) -> None:
    recording = RECORDINGS[step]
    message = ExecutorInput.model_validate(recording)
    assert message.outputs.output_file == recording["outputs"]["outputFile"]
    assert message.inputs.parameter_values == recording["inputs"].get("parameterValues", {})
    assert message.inputs.artifacts.keys() == recording["inputs"].get("artifacts", {}).keys()


def test_fields_of_a_later_backend_are_ignored() -> None:
    sent = {
        "inputs": {"artifacts": {"a": {"artifacts": [{"uri": "s3://b/a", "artifactId": "7", "customPath": "/x"}]}}},
        "outputs": {"outputFile": "/tmp/o", "later": 1},
        "later": {},
    }
    message = ExecutorInput.model_validate(sent)
    assert message.inputs.artifacts["a"].artifacts[0].uri == "s3://b/a"
    assert InputsSpec.model_validate({"parameters": {"a": {"parameterType": "STRING", "description": "x"}}})
