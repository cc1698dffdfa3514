"""The pipeline whose executor inputs were recorded from the real driver, rebuilt from the recording with toy steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.kubeflow.backend.toy_pipelines import Step, document

RECORDING = Path(__file__).parents[1] / "recordings" / "executor_inputs.json"
RECORDED: dict[str, dict[str, Any]] = json.loads(RECORDING.read_text())
LOGS = "executor-logs"
BODY = """
received = os.environ["RECEIVED"]
pathlib.Path(received, given["outputs"]["outputFile"].split("/")[-3] + ".json").write_text(json.dumps(given))
report(json.loads(os.environ["METADATA"]))
"""


def producer(uri: str) -> tuple[str, str]:
    """Return task and output that a recorded URI belongs to."""
    *_, task, _, output = uri.split("/")
    return task, output


def written_metadata(task: str, output: str) -> dict[str, Any]:
    """Return what a step must have written for its readers to receive the recorded metadata."""
    for recorded in RECORDED.values():
        for entry in recorded["inputs"].get("artifacts", {}).values():
            artifact = entry["artifacts"][0]
            if producer(artifact["uri"]) == (task, output):
                added = ("display_name", "store_session_info")
                metadata = {name: value for name, value in artifact["metadata"].items() if name not in added}
                return {k: v["struct"] if isinstance(v, dict) else v for k, v in metadata.items()}
    return {}


def recorded_pipeline(received: Path) -> dict[str, Any]:
    """Return the pipeline document, whose steps write the executor inputs that they receive into a folder."""
    steps: dict[str, Step] = {}
    for task, recorded in RECORDED.items():
        outputs = [name for name in recorded["outputs"]["artifacts"] if name != LOGS]
        metadata = {name: written_metadata(task, name) for name in outputs}
        environment = {"RECEIVED": str(received), "METADATA": json.dumps(metadata)}
        steps[task] = Step(
            BODY,
            reads={
                name: ".".join(producer(entry["artifacts"][0]["uri"]))
                for name, entry in recorded["inputs"].get("artifacts", {}).items()
            },
            parameters={
                name: (value, "STRING" if isinstance(value, str) else "NUMBER_INTEGER")
                for name, value in recorded["inputs"].get("parameterValues", {}).items()
            },
            writes=tuple(outputs),
            container={"env": [{"name": name, "value": value} for name, value in environment.items()]},
        )
    pipeline = document(steps)
    pipeline["pipelineInfo"]["name"] = "demo"
    for task, recorded in RECORDED.items():
        definitions = pipeline["components"][task]["outputDefinitions"]["artifacts"]
        for name in definitions:
            definitions[name] = {"artifactType": recorded["outputs"]["artifacts"][name]["artifacts"][0]["type"]}
    return pipeline
