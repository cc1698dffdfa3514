"""Commands of compiled steps, with the executor inputs that the real driver of Kubeflow Pipelines 2.16.1 sent."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interestflow.digests import code_digest
from interestflow.kubeflow.step.arguments import CODE_PACKAGES
from interestflow.kubeflow.step.locations import Locations

RECORDINGS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "recordings/executor_inputs.json").read_text())
"""Executor input of each step of the demo as it was when it was recorded."""
ROOT = "s3://models/final"
EXECUTORS = "tests.kubeflow.step.recording_executors"
BEAM = ["--runner=FnApiRunner", "--direct_num_workers=1"]
INPUT_TITLES: Mapping[str, str] = {
    "anomalies": "tfx.ExampleAnomalies",
    "champion": "tfx.String",
    "evaluation": "interestflow.EvaluationArtifact",
    "examples": "tfx.Examples",
    "inferred": "tfx.Schema",
    "infra_blessing": "tfx.InfraBlessing",
    "model": "tfx.Model",
    "model_blessing": "tfx.ModelBlessing",
    "schema": "tfx.Schema",
    "statistics": "tfx.ExampleStatistics",
    "transform_graph": "tfx.TransformGraph",
}
"""Type of each recorded input as it is declared today; the champion was a folder when it was recorded."""
OUTPUT_TITLES: Mapping[str, str] = {
    "anomalies": "tfx.ExampleAnomalies",
    "champion": "tfx.String",
    "evaluation": "interestflow.EvaluationArtifact",
    "examples": "tfx.Examples",
    "model": "tfx.Model",
    "model_run": "tfx.ModelRun",
    "pushed_model": "tfx.PushedModel",
    "schema": "tfx.Schema",
    "statistics": "tfx.ExampleStatistics",
    "transform_graph": "tfx.TransformGraph",
    "transformed_examples": "tfx.Examples",
}
"""Type of each recorded output as the step declares it; `report` and `blessing` depend on the step."""
STEP_OUTPUT_TITLES: Mapping[tuple[str, str], str] = {
    ("LeakCheck", "report"): "interestflow.LeakReportArtifact",
    ("LogExampleGen", "report"): "interestflow.IngestionReportArtifact",
    ("QualityGate", "blessing"): "tfx.ModelBlessing",
    ("ServingValidator", "blessing"): "tfx.InfraBlessing",
}


def recorded_input(step: str) -> Any:
    """Return a copy of a recorded executor input, which a test may change."""
    return copy.deepcopy(RECORDINGS[step])


def inputs_spec(step: str) -> dict[str, Any]:
    """Return the declaration of a recorded step's inputs, in the form in which TFX compiles it."""
    kinds = {str: "STRING", int: "NUMBER_INTEGER"}
    inputs = RECORDINGS[step]["inputs"]
    return {
        "artifacts": {
            name: {"artifactType": {"instanceSchema": f"title: {INPUT_TITLES[name]}\ntype: object\n"}}
            for name in inputs.get("artifacts", {})
        },
        "parameters": {
            name: {"parameterType": kinds[type(value)]} for name, value in inputs.get("parameterValues", {}).items()
        },
    }


def output_types(step: str) -> dict[str, str]:
    """Return the types of a recorded step's outputs."""
    names = RECORDINGS[step]["outputs"]["artifacts"].keys() - {"executor-logs"}
    return {name: STEP_OUTPUT_TITLES.get((step, name)) or OUTPUT_TITLES[name] for name in sorted(names)}


def step_arguments(
    invocation: Any,
    spec: Any,
    types: Any,
    executor: str = "RecordingExecutor",
    root: str = ROOT,
    digest: str | None = None,
) -> list[str]:
    """Return the arguments of a compiled step's command, as the launcher fills them in."""
    return [
        "--executor_class_path", executor if "." in executor else f"{EXECUTORS}.{executor}",
        "--json_serialized_invocation_args", json.dumps(invocation, ensure_ascii=False),
        "--json_serialized_inputs_spec_args", json.dumps(spec),
        "--output_types", json.dumps(types),
        "--pipeline_root", root,
        "--environment_digest", "0123456789abcdef",
        "--code_digest", code_digest(*CODE_PACKAGES) if digest is None else digest,
        *BEAM,
    ]  # fmt: skip


def recorded_arguments(step: str, executor: str = "RecordingExecutor") -> list[str]:
    """Return the arguments of a recorded step's command."""
    return step_arguments(recorded_input(step), inputs_spec(step), output_types(step), executor)


def download(invocation: Any, folder: Path) -> None:
    """Put a file where the launcher would put the files of each input."""
    for name, found in invocation["inputs"].get("artifacts", {}).items():
        path = Path(Locations(str(folder)).path(found["artifacts"][0]["uri"]))
        file = path if INPUT_TITLES[name] == "tfx.String" else path / "file"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"content of {name}")
