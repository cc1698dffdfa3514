"""Executor inputs have the shape that was recorded from the real driver, key by key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.executor_input import (
    RunContext,
    StepOutputs,
    StoredArtifact,
    provision_outputs,
    resolve_inputs,
)
from interestflow.kubeflow.backend.specification import Specification
from interestflow.kubeflow.backend.values import json_text
from tests.kubeflow.backend.recorded_pipeline import RECORDED, producer, recorded_pipeline
from tests.kubeflow.backend.toy_pipelines import Step, document, outcomes, read, run_steps

ROOT = "s3://models/final"
RUN_ID = "ee925594-4ae6-4009-9e3d-f9db3262572a"
CONTEXT = RunContext("demo", RUN_ID, ROOT, {})


@pytest.fixture(scope="module")
def specification(tmp_path_factory: pytest.TempPathFactory) -> Specification:
    folder = tmp_path_factory.mktemp("recorded")
    return read(folder, recorded_pipeline(folder))


def finished() -> dict[str, StepOutputs]:
    """Return the recorded outputs of every step that another one reads from."""
    artifacts: dict[str, dict[str, StoredArtifact]] = {}
    for recorded in RECORDED.values():
        for entry in recorded["inputs"].get("artifacts", {}).values():
            (artifact,) = entry["artifacts"]
            task, output = producer(artifact["uri"])
            stored = StoredArtifact(int(artifact["name"]), artifact["uri"], artifact["metadata"])
            artifacts.setdefault(task, {})[output] = stored
    return {task: StepOutputs(outputs, {}) for task, outputs in artifacts.items()}


@pytest.mark.parametrize("task", sorted(RECORDED))
def test_the_recorded_executor_inputs_are_rebuilt(task: str, specification: Specification) -> None:
    recorded = RECORDED[task]
    execution = recorded["outputs"]["outputFile"].split("/")[-2]
    built = {
        "inputs": resolve_inputs(specification.tasks[task], CONTEXT, finished()),
        "outputs": provision_outputs(specification.tasks[task], CONTEXT.task_root(task, execution)),
    }
    assert json_text(built, is_sorted=True) == json.dumps(
        recorded, separators=(",", ":"), ensure_ascii=False, sort_keys=True
    )


def normalized(value: Any) -> Any:
    """Replace what differs from run to run: ids, and UUIDs in URIs and paths."""
    if isinstance(value, dict):
        return {key: "ID" if key == "name" and str(item).isdigit() else normalized(item) for key, item in value.items()}
    if isinstance(value, list):
        return [normalized(item) for item in value]
    if isinstance(value, str) and value.startswith(("s3://models/", "/s3/models/")):
        parts = value.split("/")
        return "/".join("UUID" if len(part) == 36 and part.count("-") == 4 else part for part in parts)
    return value


def test_a_run_of_the_recorded_pipeline_sends_each_step_what_the_driver_sent(tmp_path: Path) -> None:
    received = tmp_path / "received"
    received.mkdir()
    events = run_steps(tmp_path, recorded_pipeline(received), root=ROOT)
    assert set(outcomes(events).values()) == {"done"}
    sent = {path.stem: json.loads(path.read_text()) for path in received.iterdir()}
    assert normalized(sent) == normalized(RECORDED)


def test_each_attempt_of_a_step_with_retries_has_a_log_of_its_own(specification: Specification) -> None:
    outputs = provision_outputs(specification.tasks["DataGate"], "gs://b/r/demo/1/DataGate/2", attempt=1)
    assert outputs == {
        "artifacts": {
            "executor-logs": {
                "artifacts": [
                    {
                        "name": "executor-logs", "type": {"schemaTitle": "system.Artifact"},
                        "uri": "gs://b/r/demo/1/DataGate/2/executor-logs-1",
                    }
                ]
            }
        },
        "outputFile": "/gcs/b/r/demo/1/DataGate/2/output_metadata.json",
    }  # fmt: skip


def test_output_parameters_have_files_and_constants_may_name_the_run(tmp_path: Path) -> None:
    step = Step(parameters={"run": ("{{$.pipeline_job_uuid}}", "STRING"), "text": ("plain", "STRING")},
                returns={"found": "STRING"})  # fmt: skip
    task = read(tmp_path, document({"Find": step})).tasks["Find"]
    assert resolve_inputs(task, CONTEXT, {}) == {"parameterValues": {"run": RUN_ID, "text": "plain"}}
    assert provision_outputs(task, "s3://b/t")["parameters"] == {"found": {"outputFile": "/tmp/kfp/outputs/found"}}


def test_an_output_parameter_that_was_not_written_is_refused(tmp_path: Path) -> None:
    steps = {"Find": Step(returns={"found": "STRING"}), "Use": Step(parameters={"x": ("Find:found", "STRING")})}
    task = read(tmp_path, document(steps)).tasks["Use"]
    with pytest.raises(RefusedError, match=r"`Use.x`: task `Find` wrote no output parameter `found`"):
        resolve_inputs(task, CONTEXT, {"Find": StepOutputs({}, {})})
    with pytest.raises(RefusedError, match=r"parameter `Use.x` is null"):
        resolve_inputs(task, CONTEXT, {"Find": StepOutputs({}, {"found": None})})


def test_an_artifact_that_is_missing_in_the_state_is_refused(specification: Specification) -> None:
    others = finished() | {"Evaluator": StepOutputs({}, {})}
    with pytest.raises(RefusedError, match=r"input `QualityGate.evaluation`: task `Evaluator` has no artifact"):
        resolve_inputs(specification.tasks["QualityGate"], CONTEXT, others)
