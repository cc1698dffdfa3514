"""A step's inputs and outputs are checked against its declaration before TFX is imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from interestflow.kubeflow.step.arguments import parse_arguments
from interestflow.kubeflow.step.errors import StepInputError
from interestflow.kubeflow.step.locations import Locations
from interestflow.kubeflow.step.plan import StepPlan, plan_step
from tests.kubeflow.step.commands import inputs_spec, output_types, recorded_input, step_arguments

Change = Callable[[Any, Any, Any], object]
"""Change of an executor input, a declaration of inputs and the types of outputs."""


def plan(step: str, change: Change = lambda *parts: None, root: str = "s3://models/final") -> StepPlan:
    parts = recorded_input(step), inputs_spec(step), output_types(step)
    change(*parts)
    return plan_step(parse_arguments(step_arguments(*parts, root=root)), Locations("/step"))


def test_a_recorded_step_is_planned() -> None:
    planned = plan("DataGate")
    (anomalies,) = planned.inputs.values()
    assert anomalies.title == "tfx.ExampleAnomalies"
    assert anomalies.path == f"/step/s3/{anomalies.uri.removeprefix('s3://')}"
    assert anomalies.metadata == {
        "blessed": {"test": 1, "train": 1, "validation": 1}, "span": 0, "tfx_version": "1.21.0",
        "split_names": '["train", "validation", "test"]',
    }  # fmt: skip
    assert (planned.outputs, planned.output_parameters, planned.properties) == ({}, [], {"stop_at": "error"})
    assert planned.step_id == "a0679864-7fd2-40e2-92a9-879cd92cd744"
    assert planned.output_file.startswith("/step/s3/models/final/demo/")


def test_uris_of_downloaded_artifacts_in_metadata_become_paths_and_others_do_not() -> None:
    def change(invocation: Any, spec: Any, types: Any) -> None:
        artifacts = invocation["inputs"]["artifacts"]
        model = artifacts["model"]["artifacts"][0]["uri"]
        artifacts["evaluation"]["artifacts"][0]["metadata"] = {
            "current_model": model, "export": {"struct": {"folder": f"{model}/Format-Serving"}},
            "other": f"{model}_run", "champion": "s3://models/serving/1",
        }  # fmt: skip

    planned = plan("QualityGate", change)
    model = planned.inputs["model"]
    assert planned.inputs["evaluation"].metadata == {
        "current_model": model.path, "export": {"folder": f"{model.path}/Format-Serving"},
        "other": f"{model.uri}_run", "champion": "s3://models/serving/1",
    }  # fmt: skip
    # The model is not an input of Pusher, so it is not on its disk.
    assert plan("Pusher").inputs["model_blessing"].metadata["current_model"].startswith("s3://models/final/demo/")


def test_a_declared_output_is_kept_whatever_its_type_and_name() -> None:
    def change(invocation: Any, spec: Any, types: Any) -> None:
        types["executor-logs"] = "tfx.String"

    assert plan("DataGate", change).outputs.keys() == {"executor-logs"}


def test_output_parameters_are_listed() -> None:
    def change(invocation: Any, spec: Any, types: Any) -> None:
        invocation["outputs"]["parameters"] = {"champion": {"outputFile": "/tmp/kfp/outputs/champion"}}

    assert plan("ChampionFinder", change).output_parameters == ["champion"]


@pytest.mark.parametrize("root", ["s3://models/fin", "s3://models", "gs://models/final", "minio://models/final"])
def test_only_the_compiled_root_or_a_folder_above_it_is_accepted(root: str) -> None:
    if root == "s3://models":
        assert plan("Evaluator", root=root).outputs
        return
    with pytest.raises(StepInputError, match=rf"compiled for the root '{root}', but the run would write to 's3://mod"):
        plan("Evaluator", root=root)


def test_the_root_of_a_step_without_outputs_is_checked_by_its_output_file() -> None:
    def change(invocation: Any, spec: Any, types: Any) -> None:
        invocation["outputs"]["artifacts"] = {}

    assert plan("DataGate", change).outputs == {}
    with pytest.raises(StepInputError, match=r"would write to 's3://models/final/demo/.*/output_metadata.json'"):
        plan("DataGate", change, root="s3://models/other")


def artifact(name: str) -> Any:
    return {"artifacts": [{"name": name, "uri": f"s3://models/final/{name}", "type": {"instanceSchema": ""}}]}


REFUSALS: dict[str, tuple[Change, str]] = {
    "two artifacts": (
        lambda invocation, spec, types: invocation["inputs"]["artifacts"]["model"]["artifacts"].extend(
            artifact("model")["artifacts"]
        ),
        "input `model` should be one artifact, received 2",
    ),
    "no type": (
        lambda invocation, spec, types: spec["artifacts"]["model"].clear(),
        "the type of input `model` should stand in the step's own declaration",
    ),
    "scheme": (
        lambda invocation, spec, types: invocation["inputs"]["artifacts"]["model"]["artifacts"][0].update(
            uri="hdfs:/a"
        ),
        "input `model`: a URI should begin with `gs://`, `s3://`, `minio://`, received 'hdfs:/a'",
    ),
    "unknown output": (
        lambda invocation, spec, types: invocation["outputs"]["artifacts"].update(other=artifact("other")),
        "output `other` is not declared by the step, which has `blessing`",
    ),
    "missing output": (
        lambda invocation, spec, types: types.update(report="interestflow.LeakReportArtifact"),
        "output `report` is declared by the step, received `blessing`, `executor-logs`",
    ),
    "output parameter": (
        lambda invocation, spec, types: invocation["outputs"].update(parameters={"champion": {}}),
        "output parameter `champion` should have an output artifact of the same name",
    ),
    "output file": (
        lambda invocation, spec, types: invocation["outputs"].update(outputFile="output.json"),
        "a path of the backend should begin with `/`, received 'output.json'",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_does_not_fit_the_declaration_is_named(name: str) -> None:
    change, message = REFUSALS[name]
    with pytest.raises(StepInputError) as error:
        plan("QualityGate", change)
    assert str(error.value) == message


WARNINGS: dict[str, tuple[Change, str]] = {
    "missing input": (
        lambda invocation, spec, types: invocation["inputs"]["artifacts"].pop("model"),
        "input `model` is declared by the step, received `evaluation`",
    ),
    "empty list": (
        lambda invocation, spec, types: invocation["inputs"]["artifacts"]["model"]["artifacts"].clear(),
        "input `model` is declared by the step, received `evaluation`",
    ),
    "unknown input": (
        lambda invocation, spec, types: invocation["inputs"]["artifacts"].update(other=artifact("other")),
        "input `other` is not declared by the step, which has `evaluation`, `model`; it is left out",
    ),
    "missing parameter": (
        lambda invocation, spec, types: invocation["inputs"]["parameterValues"].pop("config"),
        "parameter `config` is declared by the step, received `code_fingerprint`",
    ),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_what_the_executor_may_do_without_is_left_out_with_a_warning(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    change, message = WARNINGS[name]
    planned = plan("QualityGate", change)
    assert message in caplog.text
    assert planned.inputs.keys() <= {"evaluation", "model"}


def test_an_optional_input_may_be_absent() -> None:
    def change(invocation: Any, spec: Any, types: Any) -> None:
        del invocation["inputs"]["artifacts"]["model"]
        spec["artifacts"]["model"]["isOptional"] = True

    assert plan("QualityGate", change).inputs.keys() == {"evaluation"}


def test_planning_imports_neither_tfx_nor_tensorflow_nor_kfp() -> None:
    heavy = {"tfx", "tensorflow", "kfp", "apache_beam"}
    code = f"import sys, interestflow.kubeflow.run_step as _; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
