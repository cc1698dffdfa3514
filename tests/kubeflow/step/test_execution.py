"""Executors run on prepared outputs, and what they left is checked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.proto.orchestration import execution_result_pb2

from interestflow.kubeflow.step.errors import StepInputError
from interestflow.kubeflow.step.execution import execute, import_executor
from interestflow.kubeflow.step.folders import EMPTY_FOLDER
from interestflow.kubeflow.step.plan import PlannedArtifact, StepPlan
from tests.kubeflow.step.commands import EXECUTORS
from tests.kubeflow.step.recording_executors import EmptyExecutor, MovingExecutor


def plan(folder: Path, inputs: dict[str, str], outputs: dict[str, str], properties: dict[str, Any]) -> StepPlan:
    """Return a plan of artifacts below `folder`; the types of inputs and outputs are given by their names."""

    def artifacts(titles: dict[str, str]) -> dict[str, PlannedArtifact]:
        return {
            name: PlannedArtifact(title, name, f"s3://b/{name}", f"{folder}/{name}", {})
            for name, title in titles.items()
        }

    return StepPlan(artifacts(inputs), artifacts(outputs), properties, [], f"{folder}/output.json", "id")


class ReadingExecutor(BaseExecutor):
    """Copies the value of its input and its parameter to its output."""

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: dict[str, Any]) -> None:
        output_dict["text"][0].value = f"{input_dict['fingerprint'][0].value} {exec_properties['settings']['a']}"


class ReportingExecutor(BaseExecutor):
    """Reports a failure instead of raising it, as TFX allows."""

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: dict[str, Any]) -> Any:
        failure = execution_result_pb2.ExecutionResult(code=13, result_message="no examples")
        return execution_result_pb2.ExecutorOutput(execution_result=failure)


class RemovingExecutor(BaseExecutor):
    def Do(self, input_dict: Any, output_dict: Any, exec_properties: dict[str, Any]) -> None:
        os.rmdir(output_dict["model"][0].uri)


def test_values_are_read_for_the_executor_and_mappings_are_passed(tmp_path: Path) -> None:
    (tmp_path / "fingerprint").write_text("d036cf97")
    step = plan(tmp_path, {"fingerprint": "tfx.String"}, {"text": "tfx.String"}, {"settings": {"a": [1]}})
    outputs = execute(ReadingExecutor, step, [])
    assert (tmp_path / "text").read_text() == "d036cf97 [1]"
    assert outputs["text"].get_string_custom_property("tfx_version") == "1.21.0"


def test_outputs_that_nothing_was_written_to_are_marked(tmp_path: Path) -> None:
    execute(EmptyExecutor, plan(tmp_path, {}, {"model": "tfx.Model", "text": "tfx.String"}, {}), [])
    assert os.listdir(tmp_path / "model") == [EMPTY_FOLDER]
    assert (tmp_path / "text").read_text() == ""


@pytest.mark.parametrize(
    ("executor", "message"),
    [
        (ReportingExecutor, "the executor reported a failure: no examples"),
        (MovingExecutor, "output `model` should be one artifact at {0}/model, the executor wrote /elsewhere"),
        (RemovingExecutor, "output `model` should be at {0}/model, but the executor removed it"),
    ],
)
def test_what_an_executor_did_wrong_is_named(executor: type[BaseExecutor], message: str, tmp_path: Path) -> None:
    with pytest.raises(StepInputError) as error:
        execute(executor, plan(tmp_path, {}, {"model": "tfx.Model"}, {}), [])
    assert str(error.value) == message.format(tmp_path)


def test_a_folder_in_place_of_a_value_and_the_reverse_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    with pytest.raises(StepInputError, match=r"input `text` should be a file, received another kind at .*/text"):
        execute(EmptyExecutor, plan(tmp_path, {"text": "tfx.String"}, {}, {}), [])
    (tmp_path / "model").touch()
    with pytest.raises(StepInputError, match=r"input `model` should be a folder, received another kind at .*/model"):
        execute(EmptyExecutor, plan(tmp_path, {"model": "tfx.Model"}, {}, {}), [])


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing.there.Executor", "cannot be imported: ModuleNotFoundError: No module named 'nothing'"),
        (
            f"{EXECUTORS}.Nothing",
            f"cannot be imported: AttributeError: module '{EXECUTORS}' has no attribute 'Nothing'",
        ),
        ("json.JSONDecoder", "is not the class of a TFX executor"),
        ("json.dumps", "is not the class of a TFX executor"),
        ("Executor", "cannot be imported: ValueError: Empty module name"),
    ],
)
def test_an_executor_that_cannot_be_imported_is_named(path: str, message: str) -> None:
    with pytest.raises(StepInputError) as error:
        import_executor(path)
    assert str(error.value) == f"the executor `{path}` {message}"
