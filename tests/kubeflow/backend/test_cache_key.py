"""The cache key holds what the backend's holds, and nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from interestflow.kubeflow.backend.cache_key import cache_fingerprint
from interestflow.kubeflow.backend.executor_input import (
    RunContext,
    StepOutputs,
    StoredArtifact,
    provision_outputs,
    resolve_inputs,
)
from tests.kubeflow.backend.toy_pipelines import Step, read_task

STEP: dict[str, Any] = {
    "reads": {"number": "Write.number"},
    "parameters": {"rate": (0.5, "NUMBER_DOUBLE")},
    "writes": ("double",),
    "returns": {"count": "NUMBER_INTEGER"},
}


def fingerprint(
    folder: Path, root: str = "s3://b/root", artifact: int = 7, platform: Any = None, **changes: Any
) -> str:
    task = read_task(folder, Step(**{**STEP, **changes}), **(platform or {}))
    stored = StoredArtifact(artifact, f"{root}/x", {"a": 1.0})
    context = RunContext("toy", "run", root, {})
    inputs = resolve_inputs(task, context, {"Write": StepOutputs({"number": stored}, {})})
    return cache_fingerprint(task, {"inputs": inputs, "outputs": provision_outputs(task, context.task_root("A", "1"))})


CHANGES: dict[str, dict[str, Any]] = {
    "image": {"container": {"image": "toy:2"}},
    "command": {"container": {"command": ["true"]}},
    "arguments": {"container": {"args": ["{{$}}", "--beam"]}},
    "parameter": {"parameters": {"rate": (0.25, "NUMBER_DOUBLE")}},
    "id of an input": {"artifact": 8},
    "outputs": {"writes": ("double", "other")},
    "types of output parameters": {"returns": {"count": "STRING"}},
    "volumes": {"platform": {"pvcMount": [{"constant": "models", "mountPath": "/mnt"}]}},
}
OTHERS: dict[str, dict[str, Any]] = {
    "root": {"root": "s3://other/root"},
    "environment": {"container": {"env": [{"name": "TF_ENABLE_ONEDNN_OPTS", "value": "1"}]}},
    "resources": {"container": {"resources": {"resourceMemoryLimit": "8Gi"}}},
    "mounted secrets": {"platform": {"secretAsVolume": [{"secretName": "google", "mountPath": "/secrets"}]}},
    "retries": {"task": {"retryPolicy": {"maxRetryCount": 2}}},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_what_is_in_the_key_changes_it(change: str, tmp_path: Path) -> None:
    assert fingerprint(tmp_path, **CHANGES[change]) != fingerprint(tmp_path)


@pytest.mark.parametrize("change", OTHERS)
def test_a_change_of_what_is_not_in_the_key_leaves_it(change: str, tmp_path: Path) -> None:
    assert fingerprint(tmp_path, **OTHERS[change]) == fingerprint(tmp_path)


def test_the_key_is_the_digest_of_the_text_that_go_writes(tmp_path: Path) -> None:
    step = Step(parameters={"rate": ("a<b", "STRING")}, container={"command": ["python"]})
    task = read_task(tmp_path, step)
    inputs = resolve_inputs(task, RunContext("toy", "run", "s3://b", {}), {})
    text = (
        '{"containerSpec":{"cmdArgs":["python","{{$}}"],"image":"registry.example.com/toy:1"},'
        '"inputParameterValues":{"rate":"a\\u003cb"},'
        '"outputArtifactsSpec":{"executor-logs":{"name":"executor-logs","type":{"schemaTitle":"system.Artifact"}}}}'
    )
    executor_input = {"inputs": inputs, "outputs": provision_outputs(task, "s3://b/t")}
    assert cache_fingerprint(task, executor_input) == hashlib.sha256(text.encode()).hexdigest()
