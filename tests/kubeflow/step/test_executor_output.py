"""The output file is one that the backend accepts, and says what the executor set."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.types import standard_artifacts

from interestflow.kubeflow.run_step import run_step
from interestflow.kubeflow.step.errors import StepInputError
from interestflow.kubeflow.step.executor_output import write_executor_output
from interestflow.kubeflow.step.locations import STEP_ROOT
from interestflow.kubeflow.step.plan import PlannedArtifact, StepPlan
from tests.kubeflow.step.commands import download, inputs_spec, output_types, recorded_input, step_arguments


def parameter_plan(folder: Path) -> StepPlan:
    artifact = PlannedArtifact("tfx.String", "value", "s3://b/value", f"{folder}/value", {})
    return StepPlan({}, {"value": artifact}, {}, ["value"], f"{folder}/new/output.json", "id")


def written(folder: Path, artifact: Any) -> Any:
    """Return the output file of a step with one output, which is a parameter too."""
    artifact.uri = f"{folder}/value"
    write_executor_output(parameter_plan(folder), {"value": artifact})
    text = (folder / "new" / "output.json").read_text()
    json_format.Parse(text, pipeline_spec_pb2.ExecutorOutput())  # the launcher refuses unknown fields
    return json.loads(text)


def test_metadata_is_written_with_uris_and_without_nulls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(STEP_ROOT, str(tmp_path))
    invocation = recorded_input("QualityGate")
    download(invocation, tmp_path)
    with caplog.at_level(logging.WARNING):
        run_step(
            step_arguments(invocation, inputs_spec("QualityGate"), output_types("QualityGate"), "PropertiesExecutor")
        )
    output = json.loads(Path(f"{tmp_path}{invocation['outputs']['outputFile']}").read_text())
    json_format.ParseDict(output, pipeline_spec_pb2.ExecutorOutput())
    model = invocation["inputs"]["artifacts"]["model"]["artifacts"][0]["uri"]
    (blessing,) = output["artifacts"]["blessing"]["artifacts"]
    assert blessing == {
        "name": "blessing",
        "uri": invocation["outputs"]["artifacts"]["blessing"]["artifacts"][0]["uri"],
        "metadata": {
            "blessed": 1, "share": 0.5, "sure": True, "current_model": f"{model}/Format-Serving",
            "pushed": "s3://models/serving/1", "slices": {"de": 0.25, "folders": [model]}, "reasons": ["a", "b"],
            "tfx_version": "1.21.0",
        },
    }  # fmt: skip
    for key in ("undefined", "nothing"):
        assert (
            f"output `blessing`: its property `{key}` has no value that the backend can hold, left out" in caplog.text
        )


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (standard_artifacts.String, "Käufe"),
        (standard_artifacts.String, ""),
        (standard_artifacts.Integer, 7),
        (standard_artifacts.Float, 0.25),
        (standard_artifacts.Boolean, False),
        (standard_artifacts.JsonValue, {"a": [1]}),
    ],
)
def test_values_are_written_as_parameters(kind: Any, value: Any, tmp_path: Path) -> None:
    artifact = kind()
    artifact.uri = str(tmp_path / "value")
    artifact.value = value
    output = written(tmp_path, artifact)
    assert output["parameterValues"] == {"value": value}
    assert type(output["parameterValues"]["value"]) is type(value)
    assert output["artifacts"]["value"]["artifacts"][0]["uri"] == "s3://b/value"


def test_a_parameter_without_a_value_that_can_be_stored_is_refused(tmp_path: Path) -> None:
    for value, shown in ((None, "None"), (float("inf"), "inf")):
        artifact = standard_artifacts.Float()
        artifact.uri = str(tmp_path / "value")
        artifact.value = value
        with pytest.raises(StepInputError, match=f"output parameter `value` should have a value, received {shown}"):
            written(tmp_path, artifact)
    (tmp_path / "value").write_text("")
    with pytest.raises(StepInputError, match="output parameter `value` has no value: "):
        written(tmp_path, standard_artifacts.Integer())
    with pytest.raises(
        StepInputError, match=r"should be a String, Integer, Float, .* received the artifact type Model"
    ):
        written(tmp_path, standard_artifacts.Model())
