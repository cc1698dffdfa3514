"""Each input that the real driver sent is accepted by the entry point, and refused by TFX's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

from interestflow.kubeflow.compile import compile_pipeline
from interestflow.kubeflow.config import KubeflowConfig
from interestflow.kubeflow.run_step import run_step
from interestflow.kubeflow.step.errors import StepInputError
from interestflow.kubeflow.step.locations import STEP_ROOT, Locations
from tests.kubeflow.step.commands import (
    BEAM,
    EXECUTORS,
    INPUT_TITLES,
    RECORDINGS,
    download,
    inputs_spec,
    output_types,
    recorded_arguments,
    recorded_input,
    step_arguments,
)
from tests.kubeflow.step.recording_executors import RECORD
from tests.kubeflow.toy_pipeline import RULES, toy_pipeline
from tests.paths import PROJECT

MODULE = "interestflow.kubeflow.run_step"
FOLDER = {"tfx_version": "1.21.0"}
VALUE = FOLDER | {"__is_null__": 0}
"""Metadata that TFX sets on every artifact, and on one that is a value."""


@pytest.fixture
def step_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Private folder in place of `/`, with spaces and other letters in its name."""
    folder = tmp_path / "Schritt für Schritt"
    monkeypatch.setenv(STEP_ROOT, str(folder))
    monkeypatch.setenv(RECORD, str(tmp_path / "record.json"))
    return folder


def recorded(tmp_path: Path) -> Any:
    return json.loads((tmp_path / "record.json").read_text())


def executor_output(invocation: Any, step_root: Path) -> Any:
    return json.loads(Path(f"{step_root}{invocation['outputs']['outputFile']}").read_text())


@pytest.mark.parametrize("step", sorted(RECORDINGS))
def test_each_recorded_input_is_accepted_here_and_refused_by_the_stock_entry_point(
    step: str, step_root: Path, tmp_path: Path
) -> None:
    invocation = recorded_input(step)
    download(invocation, step_root)

    run_step(recorded_arguments(step))

    given, paths = recorded(tmp_path), Locations(str(step_root))
    artifacts = {name: found["artifacts"][0] for name, found in invocation["inputs"].get("artifacts", {}).items()}
    assert given["inputs"].keys() == artifacts.keys()
    for name, (artifact,) in given["inputs"].items():
        sent = artifacts[name]
        assert artifact["class"] == INPUT_TITLES[name].partition(".")[2]
        assert artifact["uri"] == paths.path(sent["uri"])
        assert artifact["id"] == int(sent["name"])
        assert artifact["split_names"] in (sent["metadata"].get("split_names"), "")
        assert artifact["value"] == (f"content of {name}" if name == "champion" else None)
        assert artifact["properties"] == sorted(sent["metadata"].keys() - {"display_name", "store_session_info"})
    assert given["properties"] == invocation["inputs"].get("parameterValues", {})
    assert all(type(value) in (str, int) for value in given["properties"].values())
    outputs = {name: found["artifacts"][0]["uri"] for name, found in invocation["outputs"]["artifacts"].items()}
    del outputs["executor-logs"]
    assert given["outputs"] == {name: [paths.path(uri)] for name, uri in outputs.items()}
    written = executor_output(invocation, step_root)
    assert {name: found["artifacts"] for name, found in written["artifacts"].items()} == {
        name: [{"name": name, "uri": uri, "metadata": VALUE if name == "champion" else FOLDER}]
        for name, uri in outputs.items()
    }
    assert written["parameterValues"] == {}

    for name, title in output_types(step).items():  # it should be refused for what the backend does, not for old names
        invocation["outputs"]["artifacts"][name]["artifacts"][0]["type"] = {"instanceSchema": f"title: {title}"}
    stock, _ = kubeflow_v2_run_executor._parse_flags(
        ["stock", *step_arguments(invocation, inputs_spec(step), output_types(step))]
    )
    with pytest.raises((AttributeError, ImportError)) as refusal:
        kubeflow_v2_run_executor.main((stock, BEAM))
    assert str(refusal.value) in ("'NoneType' object has no attribute 'get'", "Could not import system.Artifact")


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return the arguments of each step of a pipeline as it is compiled today."""
    path = tmp_path_factory.mktemp("compiled") / "toy.json"
    config = KubeflowConfig(image="ghcr.io/toys/toy:1", pipeline_root="gs://toys/root")
    specification = compile_pipeline(toy_pipeline(), config, path, RULES)
    executors = specification["deploymentSpec"]["executors"]
    return {name.removesuffix("_executor"): executor["container"]["args"] for name, executor in executors.items()}


def compiled_arguments(command: list[str], invocation: Any) -> list[str]:
    """Return a compiled command with a recording executor, and with what the backend sends in its place."""
    arguments = [json.dumps(invocation) if argument == "{{$}}" else argument for argument in command]
    arguments[arguments.index("--executor_class_path") + 1] = f"{EXECUTORS}.RecordingExecutor"
    return arguments


def toy_output(step: str, name: str) -> Any:
    """Return an output as the real driver sends it, next to the logs that it adds."""
    folder = f"gs://toys/root/toy/run/{step}/1"
    logs = {"name": "executor-logs", "uri": f"{folder}/executor-logs", "type": {"schemaTitle": "system.Artifact"}}
    artifact = {"name": name, "uri": f"{folder}/{name}", "type": {"instanceSchema": "title: old.Title"}}
    return {
        "artifacts": {name: {"artifacts": [artifact]}, "executor-logs": {"artifacts": [logs]}},
        "outputFile": f"/gcs/toys/root/toy/run/{step}/1/output_metadata.json",
    }


def test_a_value_goes_from_one_compiled_step_to_the_next(
    commands: dict[str, list[str]], step_root: Path, tmp_path: Path
) -> None:
    find = {"inputs": {"parameterValues": {"span": ""}}, "outputs": toy_output("Find", "text")}
    find["outputs"]["parameters"] = {"text": {"outputFile": "/tmp/kfp/outputs/text/data"}}
    run_step(compiled_arguments(commands["Find"], find))
    assert executor_output(find, step_root) == {
        "artifacts": {
            "text": {
                "artifacts": [
                    {
                        "name": "text", "uri": "gs://toys/root/toy/run/Find/1/text",
                        "metadata": VALUE,
                    }
                ]
            }
        },
        "parameterValues": {"text": "value of text"},
    }  # fmt: skip
    assert (step_root / "gcs/toys/root/toy/run/Find/1/text").read_text() == "value of text"

    values = executor_output(find, step_root)["parameterValues"] | {"rate": 1}
    read = {"inputs": {"parameterValues": values}, "outputs": toy_output("Read", "number")}
    arguments = compiled_arguments(commands["Read"], read)
    arguments[arguments.index("--output_types") + 1] = '{"number": "tfx.Examples"}'  # the toy's type has no module
    run_step(arguments)
    assert recorded(tmp_path)["properties"] == {"text": "value of text", "rate": 1.0}
    assert type(recorded(tmp_path)["properties"]["rate"]) is float
    assert recorded(tmp_path)["outputs"] == {"number": [f"{step_root}/gcs/toys/root/toy/run/Read/1/number"]}


def test_a_step_with_beam_gets_its_arguments_and_a_private_scratch_folder(step_root: Path, tmp_path: Path) -> None:
    invocation = recorded_input("StatisticsGen")
    download(invocation, step_root)
    run_step(recorded_arguments("StatisticsGen", "RecordingBeamExecutor"))
    given = recorded(tmp_path)
    assert given["beam_runner"] == "FnApiRunner"
    assert given["tmp"].endswith("/tmp/1d4a3273-b1fe-4260-9289-37a2509ef711/")
    assert not given["tmp"].startswith(str(step_root))
    assert not os.path.exists(given["tmp"])


def test_a_second_attempt_finds_nothing_of_the_first(step_root: Path, tmp_path: Path) -> None:
    invocation = recorded_input("QualityGate")
    invocation["inputs"]["parameterValues"]["config"] = "first"
    download(invocation, step_root)
    arguments = step_arguments(invocation, inputs_spec("QualityGate"), output_types("QualityGate"))
    run_step(arguments)
    blessing = Path(
        Locations(str(step_root)).path(invocation["outputs"]["artifacts"]["blessing"]["artifacts"][0]["uri"])
    )
    (blessing / "folder").mkdir()
    (blessing / "folder" / "BLESSED").touch()
    output_file = Path(f"{step_root}{invocation['outputs']['outputFile']}")
    # TFX's entry point takes an existing output file for new values of the parameters.
    output_file.write_text('{"parameterValues": {"config": "left by the first attempt"}}')

    run_step(arguments)

    assert recorded(tmp_path)["properties"]["config"] == "first"
    assert recorded(tmp_path)["output_files"] == []
    assert os.listdir(blessing) == ["data"]
    assert executor_output(invocation, step_root)["parameterValues"] == {}


def test_a_failed_attempt_leaves_no_output_file(step_root: Path) -> None:
    invocation = recorded_input("QualityGate")
    download(invocation, step_root)
    run_step(recorded_arguments("QualityGate"))
    with pytest.raises(StepInputError):
        run_step(recorded_arguments("QualityGate", "MovingExecutor"))
    assert not Path(f"{step_root}{invocation['outputs']['outputFile']}").exists()


def test_an_input_that_was_not_downloaded_is_named(step_root: Path) -> None:
    invocation = recorded_input("Evaluator")
    download(invocation, step_root)
    model = invocation["inputs"]["artifacts"]["model"]["artifacts"][0]["uri"]
    path = Path(Locations(str(step_root)).path(model))
    (path / "file").unlink()
    with pytest.raises(StepInputError) as error:
        run_step(recorded_arguments("Evaluator"))
    assert str(error.value) == (
        f"input `model` should have been downloaded from {model} to {path}, but no file is there: "
        "the object store no longer has what an earlier step wrote"
    )


def test_other_code_is_refused_before_anything_is_written(step_root: Path) -> None:
    invocation = recorded_input("Evaluator")
    arguments = step_arguments(
        invocation, inputs_spec("Evaluator"), output_types("Evaluator"), digest="fedcba9876543210"
    )
    with pytest.raises(
        StepInputError, match=r"compiled with other code \(digest fedcba9876543210\) than the image has"
    ):
        run_step(arguments)
    assert not step_root.exists()


def start(arguments: list[str], step_root: Path, record: Path) -> subprocess.Popen[str]:
    environment = os.environ | {
        STEP_ROOT: str(step_root),
        RECORD: str(record),
        "PYTHONPATH": f"{PROJECT}/src:{PROJECT}",
    }
    return subprocess.Popen(
        [sys.executable, "-m", MODULE, *arguments], cwd=step_root, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def wait_until(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.end_to_end
def test_as_processes_steps_end_with_their_reason(tmp_path: Path) -> None:
    """They are started together: each imports TFX."""
    invocation = recorded_input("Pusher")
    processes = {}
    for executor in ("RecordingExecutor", "FailingExecutor", "WaitingExecutor"):
        folder = tmp_path / executor
        download(invocation, folder)
        processes[executor] = start(recorded_arguments("Pusher", executor), folder, folder / "record.json")
    began = tmp_path / "WaitingExecutor" / "record.json"
    try:
        wait_until(lambda: began.exists() or processes["WaitingExecutor"].poll() is not None)
        processes["WaitingExecutor"].send_signal(signal.SIGTERM)
        outputs = {executor: process.communicate(timeout=300)[0] for executor, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()

    assert processes["RecordingExecutor"].returncode == 0, outputs["RecordingExecutor"]
    given = json.loads((tmp_path / "RecordingExecutor" / "record.json").read_text())
    (blessing,) = given["inputs"]["model_blessing"]
    assert blessing["blessed"] == 1
    assert executor_output(invocation, tmp_path / "RecordingExecutor")["artifacts"].keys() == {"pushed_model"}

    failure = outputs["FailingExecutor"]
    assert processes["FailingExecutor"].returncode == 1
    assert failure.endswith("\nValueError: the disk is full: /tmp has 0 bytes\n")
    assert "progress 50%" in failure
    assert "RuntimeError: wrapped by a library" in failure  # the traceback
    assert failure.index("Traceback (most recent call last)") < failure.rindex("ValueError: the disk is full")

    assert processes["WaitingExecutor"].returncode == 143
    assert outputs["WaitingExecutor"].endswith(
        "\nthe step was stopped by SIGTERM: its pod was evicted, or the run was cancelled\n"
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"--pipeline_root": "s3://other/final"},
            "the pipeline was compiled for the root 's3://other/final', but the run would write to "
            "'s3://models/final/demo/ee925594-4ae6-4009-9e3d-f9db3262572a/ChampionFinder/"
            "a073d471-7495-4249-96a4-79e07ffd6356/champion'; submit it with its own root, or compile it again with "
            "`kubeflow.pipeline_root` set to the other",
        ),
        (
            {"--json_serialized_invocation_args": "{"},
            "`--json_serialized_invocation_args` should be valid JSON, received '{': "
            "Invalid JSON: EOF while parsing an object at line 1 column 1",
        ),
        ({"--code_digest": None}, "the step's command is wrong: the following arguments are required: --code_digest"),
    ],
)
def test_a_refusal_is_one_line_without_a_traceback(changes: dict[str, str | None], line: str, tmp_path: Path) -> None:
    arguments = recorded_arguments("ChampionFinder")
    for flag, value in changes.items():
        place = arguments.index(flag)
        arguments[place : place + 2] = [] if value is None else [flag, value]
    process = start(arguments, tmp_path, tmp_path / "record.json")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output == f"\n{line}\n"
