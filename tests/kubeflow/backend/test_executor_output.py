"""What a step says of its outputs is parsed as strictly as the launcher parses it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from interestflow.kubeflow.backend.errors import StepError
from interestflow.kubeflow.backend.executor_input import provision_outputs
from interestflow.kubeflow.backend.executor_output import (
    output_artifacts,
    output_parameters,
    read_executor_output,
    upload_path,
)
from tests.kubeflow.backend.toy_pipelines import Step, read_task

RETURNS = {"text": "STRING", "count": "NUMBER_INTEGER", "flag": "BOOLEAN", "names": "LIST"}
STEP = Step(writes=("model",), returns=RETURNS)


def written(folder: Path, text: str) -> dict[str, Any]:
    (folder / "output_metadata.json").write_text(text)
    return read_executor_output(folder / "output_metadata.json")


def test_a_step_may_write_nothing(tmp_path: Path) -> None:
    assert read_executor_output(tmp_path / "output_metadata.json") == {}


def test_what_a_step_wrote_is_read(tmp_path: Path) -> None:
    text = '{"artifacts": {"model": {"artifacts": [{"uri": "s3://b/x", "metadata": {"n": 2.5}}]}}}'
    assert written(tmp_path, text) == {
        "artifacts": {"model": {"artifacts": [{"uri": "s3://b/x", "metadata": {"n": 2.5}}]}}
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the launcher cannot parse output_metadata.json of the step: "),
        ('{"artefacts": {}}', 'has no field named "artefacts"'),
        ('{"artifacts": {"model": {"artifacts": [{"path": "x"}]}}}', 'has no field named "path"'),
        ('{"parameterValues": {"x": NaN}}', "NaN is no number of JSON"),
        ('{"parameters": {"x": {"stringValue": "a"}}}', "has `parameters`, which the launcher ignores"),
    ],
)
def test_another_text_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(StepError, match=message):
        written(tmp_path, text)


@pytest.mark.parametrize("other", ["null", "1", '"x"', "[]", "{}", "[1]", '{"x": 1}', '{"artifacts": {"x": 1}}'])
@pytest.mark.parametrize("place", ["", "artifacts", "parameterValues"])
def test_a_value_of_any_other_kind_is_read_or_refused_and_nothing_else(place: str, other: str, tmp_path: Path) -> None:
    document: dict[str, Any] = {}
    with contextlib.suppress(StepError):
        document = written(tmp_path, f'{{"{place}": {other}}}' if place else other)
    assert document.keys() <= {"artifacts", "parameterValues"}


def merged(folder: Path, *reported: dict[str, Any], name: str = "model") -> dict[str, Any]:
    executor_input = {"outputs": provision_outputs(read_task(folder, STEP), "s3://b/t")}
    return output_artifacts(executor_input, {"artifacts": {name: {"artifacts": list(reported)}}})


def test_metadata_and_uri_of_a_step_are_merged_in(tmp_path: Path) -> None:
    assert merged(tmp_path) == {"model": ("s3://b/t/model", {}), "executor-logs": ("s3://b/t/executor-logs", {})}
    reported = {"metadata": {"flag": True, "names": ["a"]}, "uri": "s3://b/t/elsewhere"}
    assert merged(tmp_path, reported)["model"] == ("s3://b/t/elsewhere", {"flag": 1.0, "names": {"list": ["a"]}})


def test_null_more_than_one_artifact_and_an_unknown_output_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="metadata `auc` of output `model` is null"):
        merged(tmp_path, {"metadata": {"auc": None}})
    with pytest.raises(StepError, match="the step wrote 2 artifacts of output `model`; the launcher takes one"):
        merged(tmp_path, {}, {})
    with pytest.raises(StepError, match="the step wrote metadata of output `modle`, which it does not declare"):
        merged(tmp_path, {}, name="modle")


def parameters(folder: Path, files: dict[str, str], **values: Any) -> dict[str, Any]:
    outputs = folder / "tmp" / "kfp" / "outputs"
    outputs.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (outputs / name).write_text(text)
    task = read_task(folder, STEP)
    executor_input = {"outputs": provision_outputs(task, "s3://b/t")}
    return output_parameters(task, executor_input, {"parameterValues": values}, folder)


FILES = {"text": "a\n", "count": " 3\n", "flag": "True", "names": '["a", 1]'}


def test_parameters_come_from_the_executor_output_or_from_their_files(tmp_path: Path) -> None:
    assert parameters(tmp_path, FILES) == {"text": "a\n", "count": 3.0, "flag": True, "names": ["a", 1.0]}
    assert parameters(tmp_path, FILES, text="b", flag=False) == {
        "text": "b", "count": 3.0, "flag": False, "names": ["a", 1.0],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("files", "values", "message"),
    [
        ({"text": "a"}, {}, "the step did not write output parameter `count`"),
        ({**FILES, "count": "many"}, {}, "output parameter `count` should be a NUMBER_INTEGER, but is 'many'"),
        ({**FILES, "flag": "yes"}, {}, "output parameter `flag` should be a BOOLEAN, but is 'yes'"),
        (FILES, {"text": 1}, "output parameter `text` should be a STRING, but is 1"),
        (FILES, {"text": None}, "output parameter `text` should be a STRING, but is null"),
        (FILES, {"txt": "a"}, "the step wrote output parameter `txt`, which it does not declare"),
    ],
)
def test_a_parameter_that_is_missing_unknown_or_of_another_type_is_refused(
    files: dict[str, str], values: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(StepError, match=message):
        parameters(tmp_path, files, **values)


def test_outputs_are_uploaded_from_below_the_root_alone(tmp_path: Path) -> None:
    assert upload_path("model", "s3://b/t/model", "s3://b/t", tmp_path) == tmp_path / "s3" / "b" / "t" / "model"
    with pytest.raises(StepError, match="output `model` has the URI /tmp/x, which the launcher does not upload"):
        upload_path("model", "/tmp/x", "s3://b/t", tmp_path)
    with pytest.raises(StepError, match="output `model` has the URI s3://b/to, which is not below the root s3://b/t"):
        upload_path("model", "s3://b/to", "s3://b/t", tmp_path)
