"""Compiled pipelines whose steps are small Python programs that speak the launcher's contract themselves.

A step's program begins with `PRELUDE`: `given` is the executor input, `local(uri)` a path, `output(name)` the path
of an output artifact, `report(...)` writes the executor output.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from interestflow.kubeflow.backend.engine import Engine
from interestflow.kubeflow.backend.object_store import FolderStore, ObjectStore
from interestflow.kubeflow.backend.parameters import run_parameters
from interestflow.kubeflow.backend.processes import Processes
from interestflow.kubeflow.backend.run import Run, StepEvent, plan_run
from interestflow.kubeflow.backend.specification import Specification, Task, read_specification
from interestflow.kubeflow.backend.state import State

ROOT = "s3://models/toy-root"
IMAGE = "registry.example.com/toy:1"
TYPE = "title: tests.Toy\ntype: object\n"
PRELUDE = """
import json, os, pathlib, sys
given = json.loads(sys.argv[1])
root = pathlib.Path(os.environ.get("INTERESTFLOW_STEP_ROOT", "/"))
def inside(path): return root / path.lstrip("/")
def local(uri):
    scheme, rest = uri.split("://", 1)
    return inside({"gs": "/gcs/", "s3": "/s3/", "minio": "/minio/"}[scheme] + rest)
def source(name): return local(given["inputs"]["artifacts"][name]["artifacts"][0]["uri"])
def output(name): return local(given["outputs"]["artifacts"][name]["artifacts"][0]["uri"])
def parameter(name): return given["inputs"]["parameterValues"][name]
def report(artifacts={}, **parameters):
    entries = {name: {"artifacts": [{"name": name, "metadata": metadata}]} for name, metadata in artifacts.items()}
    inside(given["outputs"]["outputFile"]).write_text(json.dumps({"artifacts": entries, "parameterValues": parameters}))
"""


@dataclass
class Step:
    """One step of a toy pipeline.

    Attributes:
        body: its program, after `PRELUDE`.
        reads: input artifacts, as "Task.output" by name.
        parameters: `inputs.parameters`, by name: "run:NAME", "Task:NAME" or a constant, with the declared type.
        writes: names of output artifacts.
        returns: types of output parameters by name.
        cached: whether the backend may serve it from the cache.
        task: further fields of the task.
        container: further fields of the container.
        after: tasks that it depends on without reading from them.
    """

    body: str = ""
    reads: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    writes: tuple[str, ...] = ()
    returns: Mapping[str, str] = field(default_factory=dict)
    cached: bool = True
    task: Mapping[str, Any] = field(default_factory=dict)
    container: Mapping[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()


def _parameter(value: Any) -> tuple[dict[str, Any], str | None]:
    if isinstance(value, str) and re.match(r"^\w+:\w+$", value):
        producer, _, name = value.partition(":")
        if producer == "run":
            return {"componentInputParameter": name}, None
        return {"taskOutputParameter": {"producerTask": producer, "outputParameterKey": name}}, producer
    return {"runtimeValue": {"constant": value}}, None


def _task(name: str, step: Step) -> dict[str, Any]:
    parameters = {key: _parameter(value) for key, (value, _) in step.parameters.items()}
    artifacts = {
        key: dict(zip(("producerTask", "outputArtifactKey"), text.split("."), strict=True))
        for key, text in step.reads.items()
    }
    producers = {entry["producerTask"] for entry in artifacts.values()} | set(step.after)
    producers |= {producer for _, producer in parameters.values() if producer}
    return {
        "taskInfo": {"name": name},
        "componentRef": {"name": name},
        "cachingOptions": {"enableCache": True} if step.cached else {},
        "dependentTasks": sorted(producers),
        "inputs": {
            "artifacts": {key: {"taskOutputArtifact": entry} for key, entry in artifacts.items()},
            "parameters": {key: source for key, (source, _) in parameters.items()},
        },
        **step.task,
    }


def _component(name: str, step: Step) -> dict[str, Any]:
    artifact = {"artifactType": {"instanceSchema": TYPE}}
    return {
        "executorLabel": f"{name}_executor",
        "inputDefinitions": {
            "artifacts": dict.fromkeys(step.reads, artifact),
            "parameters": {key: {"parameterType": kind} for key, (_, kind) in step.parameters.items()},
        },
        "outputDefinitions": {
            "artifacts": dict.fromkeys(step.writes, artifact),
            "parameters": {key: {"parameterType": kind} for key, kind in step.returns.items()},
        },
    }


def document(steps: Mapping[str, Step], parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the pipeline document of toy steps.

    Args:
        steps: the steps by name.
        parameters: `root.inputDefinitions.parameters`.
    """
    executors = {
        f"{name}_executor": {
            "container": {
                "image": IMAGE,
                "command": ["python", "-c", PRELUDE + step.body],
                "args": ["{{$}}"],
                **step.container,
            }
        }
        for name, step in steps.items()
    }
    return {
        "pipelineInfo": {"name": "toy"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "tests",
        "defaultPipelineRoot": ROOT,
        "deploymentSpec": {"executors": executors},
        "components": {name: _component(name, step) for name, step in steps.items()},
        "root": {
            "inputDefinitions": {"parameters": dict(parameters or {})},
            "dag": {"tasks": {name: _task(name, step) for name, step in steps.items()}},
        },
    }


def platform(**executors: Mapping[str, Any]) -> dict[str, Any]:
    """Return a platform document with the configuration of each task's executor."""
    configs = {f"{name}_executor": config for name, config in executors.items()}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": configs}}}}


def write_documents(path: Path, *documents: Mapping[str, Any]) -> Path:
    """Write documents to a file as `interestflow compile` does, and return the path."""
    if path.suffix == ".json":
        path.write_text(json.dumps(documents[0]))
    else:
        path.write_text(yaml.dump_all(documents, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)))
    return path


def read(folder: Path, *documents: Mapping[str, Any]) -> Specification:
    """Return the specification that documents are read back as."""
    return read_specification(write_documents(folder / "toy.yaml", *documents))


def read_task(folder: Path, step: Step, **config: Any) -> Task:
    """Return the task `Only` of a pipeline with one step and, with `config`, a platform document."""
    others = {producer.split(".")[0] for producer in step.reads.values()}
    steps = {name: Step(writes=tuple(t.split(".")[1] for t in step.reads.values())) for name in others}
    documents = [document({**steps, "Only": step})]
    if config:
        documents.append(platform(Only=config))
    return read(folder, *documents).tasks["Only"]


def run_steps(
    folder: Path,
    *documents: Mapping[str, Any],
    given: tuple[str, ...] = (),
    root: str = ROOT,
    store: ObjectStore | None = None,
    engine: Engine | None = None,
) -> list[StepEvent]:
    """Run documents in processes with their state in `folder / "state"`, and return all events but the starts.

    Args:
        folder: folder of the test.
        documents: pipeline and platform document.
        given: parameters of the run as NAME=VALUE.
        root: root of the run.
        store: where artifacts are kept; by default the folder below the state.
        engine: what executes the steps; by default processes.
    """
    specification = read(folder, *documents)
    engine = engine or Processes({})
    plan = plan_run(specification, run_parameters(specification.parameters, given), root, engine)
    events: list[StepEvent] = []
    with State.opened(folder / "state") as state:
        Run(plan, store or FolderStore(folder / "state" / "objects"), engine, state, events.append).execute()
    return [event for event in events if event.outcome != "running"]


def outcomes(events: list[StepEvent]) -> dict[str, str]:
    """Return the last outcome of each step."""
    return {event.task: event.outcome for event in events}
