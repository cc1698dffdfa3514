"""`interestflow submit` prints where the run is and how it ended, and every failure is one sentence."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from interestflow.pipeline.cli.compile import OPTIONS
from interestflow.pipeline.cli.main import app
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag import compile as compilation
from interestflow.pipeline.dag.compile_checks import ConfigSource
from tests.kubeflow.submission.api_server import Fault, Server, answer_error, running
from tests.kubeflow.submission.specifications import ROOT, specification_text
from tests.paths import PROJECT

SUMMARY = {"state": "SUCCEEDED", "run_details": {"task_details": [{"display_name": "Pusher", "state": "SUCCEEDED"}]}}
REFUSAL = {"state": "SUCCEEDED", "run_details": {"task_details": [{"display_name": "Pusher", "state": "SKIPPED"}]}}
FAILURE = {"state": "FAILED", "run_details": {"task_details": [{"display_name": "Trainer", "state": "FAILED"}]}}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    for variable in ("KFP_TOKEN", "KF_PIPELINES_SA_TOKEN_PATH", "KF_PIPELINES_ENDPOINT", "KF_PIPELINES_UI_ENDPOINT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with running() as server:
        yield server


@pytest.fixture
def specification(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text(specification_text())
    return path


def submit(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["submit", *map(str, arguments)], env={"TERM": "dumb"})


def only_run(server: Server) -> dict[str, Any]:
    (run,) = server.state.runs.values()
    return run


def test_a_specification_is_submitted(server: Server, specification: Path, tmp_path: Path) -> None:
    submitted = submit(specification, "--endpoint", f"{server.endpoint}/")
    assert submitted.exit_code == 0, submitted.output
    run = only_run(server)
    assert re.fullmatch(r"shop \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", run["display_name"])
    (version,) = server.state.versions.values()
    assert submitted.stdout.splitlines() == [
        "created pipeline shop",
        f"uploaded version {version['name']} of pipeline shop",
        "created experiment shop",
        f"started run {run['display_name']}",
        f"{server.endpoint}/#/runs/details/{run['run_id']}",
    ]
    assert submitted.stderr == ""
    assert run["runtime_config"] == {"pipeline_root": ROOT, "parameters": {}}
    assert not (tmp_path / "home").exists()  # kfp's own client keeps a context there


def test_every_option(server: Server, specification: Path) -> None:
    submitted = submit(
        specification, "--endpoint", server.endpoint, "--ui", "https://ui.example.com/pipeline", "--namespace", "team",
        "--experiment", "tests", "--run-name", "first", "--pipeline-root", f"{ROOT}/trial",
        "--service-account", "runner",
        "--parameter", "learning_rate=0.1", "--parameter", "span=7",
    )  # fmt: skip
    assert submitted.exit_code == 0, submitted.output
    run = only_run(server)
    assert submitted.stdout.splitlines()[-1] == f"https://ui.example.com/pipeline/#/runs/details/{run['run_id']}"
    assert (run["display_name"], run["service_account"]) == ("first", "runner")
    assert run["runtime_config"] == {
        "pipeline_root": f"{ROOT}/trial", "parameters": {"learning_rate": 0.1, "span": "7"}
    }  # fmt: skip
    assert server.state.contents()["experiments"] == ["tests"]


def test_a_schedule(server: Server, specification: Path) -> None:
    arguments = (specification, "--endpoint", server.endpoint, "--schedule", "0 0 3 * * *", "--no-catchup")
    submitted = submit(*arguments, "--parameter", "scheduled_time=[[ScheduledTime]]")
    assert submitted.exit_code == 0, submitted.output
    (recurring,) = server.state.recurring_runs.values()
    assert recurring["display_name"] == "shop"
    assert recurring["runtime_config"]["parameters"] == {"scheduled_time": "[[ScheduledTime]]"}
    assert recurring["no_catchup"] is True
    assert submitted.stdout.splitlines()[-2:] == [
        "created recurring run shop (0 0 3 * * *)",
        f"{server.endpoint}/#/recurringrun/details/{recurring['recurring_run_id']}",
    ]


@pytest.mark.parametrize(
    ("state", "code", "lines"),
    [
        (SUMMARY, 0, ["Pusher SUCCEEDED", "run SUCCEEDED"]),
        (REFUSAL, 2, ["Pusher SKIPPED", "run SUCCEEDED, a gate refused the model"]),
        (FAILURE, 1, ["Trainer FAILED", "Trainer: the server has no log of it", "run FAILED"]),
    ],
)
def test_waiting(state: dict[str, Any], code: int, lines: list[str], server: Server, specification: Path) -> None:
    server.state.run_states = [{"state": "RUNNING"}, state]
    submitted = submit(specification, "--endpoint", server.endpoint, "--wait", "--poll-seconds", 0.01)
    assert (submitted.exit_code, submitted.stdout.splitlines()[5:]) == (code, lines)


def test_the_time_is_over(server: Server, specification: Path) -> None:
    submitted = submit(
        specification, "--endpoint", server.endpoint, "--wait", "--timeout", 0.02, "--poll-seconds", 0.01
    )
    address = f"{server.endpoint}/#/runs/details/{only_run(server)['run_id']}"
    assert submitted.exit_code == 1
    assert submitted.stderr == (
        f"error: the run should have ended within 0.02 seconds (`--timeout`); the run goes on: {address}\n"
    )


def test_an_interrupt_says_that_the_run_goes_on(server: Server, specification: Path) -> None:
    arguments = [str(specification), "--endpoint", server.endpoint, "--wait", "--poll-seconds", "0.05"]
    process = subprocess.Popen(
        [sys.executable, "-m", "interestflow", "submit", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and sum("/runs/" in request.path for request in server.state.requests) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    address = f"{server.endpoint}/#/runs/details/{only_run(server)['run_id']}"
    assert (process.returncode, stderr) == (130, "")
    assert stdout.splitlines()[-1] == f"no longer waiting; the run goes on: {address}"


def test_the_token_is_never_shown(server: Server, specification: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "very-secret-token"
    server.state.token = secret
    monkeypatch.setenv("KFP_TOKEN", secret)
    submitted = submit(specification, "--endpoint", server.endpoint)
    assert submitted.exit_code == 0, submitted.output
    monkeypatch.setenv("KFP_TOKEN", secret + "x")
    refused = submit(specification, "--endpoint", server.endpoint)
    assert refused.exit_code == 1
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.startswith("error: `$KFP_TOKEN`")
    assert secret not in submitted.output + refused.output


def test_a_refused_run_is_one_sentence(server: Server, specification: Path) -> None:
    server.state.faults.append(Fault("POST", "/apis/v2beta1/runs", answer_error(400, "no [bold]markup[/]")))
    refused = submit(specification, "--endpoint", server.endpoint)
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert "answered no [bold]markup[/] (HTTP 400); deleted again: experiment shop, version " in refused.stderr
    assert not any(server.state.contents().values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--wait", "--schedule", "@daily"],
            "`--wait` should be left out with `--schedule`, since the runs start later",
        ),
        (["--no-catchup"], "`--no-catchup` should be given with `--schedule`"),
        (
            ["--timeout", "5"],
            "`--timeout` should be given with `--wait`; `--request-timeout` is the limit of one request",
        ),
        (
            ["--parameter", "spam=1"],
            "`--parameter` should name one of days, learning_rate, scheduled_time, span, received 'spam'",
        ),
        (
            ["--pipeline-root", f"{ROOT}s/trial"],
            f"`--pipeline-root` should be {ROOT}, which the pipeline was compiled for, or a folder below it, received "
            f"'{ROOT}s/trial'",
        ),
        (["--endpoint", "host"], "`--endpoint` should be a URL such as http://localhost:8888, received 'host'"),
    ],
)
def test_wrong_options_send_nothing(arguments: list[str], message: str, server: Server, specification: Path) -> None:
    refused = submit(specification, "--endpoint", server.endpoint, *arguments)
    assert (refused.exit_code, refused.stdout, refused.stderr) == (1, "", f"error: {message}\n")
    assert server.state.requests == []


def test_without_an_endpoint(server: Server, specification: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = submit(specification)
    assert refused.exit_code == 1
    assert refused.stderr == (
        "error: `--endpoint` (or $KF_PIPELINES_ENDPOINT, or `kubeflow.endpoint`) should be the URL of the API, "
        "received none\n"
    )
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", server.endpoint)
    assert submit(specification).exit_code == 0


def test_a_mistake_in_a_configuration(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "typo.yaml"
    path.write_text((PROJECT / "configs" / "demo.yaml").read_text().replace("  epochs: 4", "  epoch: 4"))
    refused = submit(path, "--endpoint", server.endpoint)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: `training.epoch` is not a key that is known here")
    missing = submit(tmp_path / "missing.yaml", "--endpoint", server.endpoint)
    assert missing.exit_code == 1
    assert str(tmp_path / "missing.yaml") in missing.stderr
    assert server.state.requests == []


def test_a_configuration_is_compiled_first(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[tuple[PipelineConfig, ConfigSource]] = []

    def compile_config(config: PipelineConfig, output: Path, source: ConfigSource) -> None:
        compiled.append((config, source))
        output.write_text(specification_text())

    monkeypatch.setattr(compilation, "compile_config", compile_config)
    path = tmp_path / "shop.yaml"
    path.write_text(
        (PROJECT / "configs" / "demo.yaml").read_text()
        + f"kubeflow: {{endpoint: '{server.endpoint}', experiment: nightly, service_account: runner}}\n"
    )
    submitted = submit(path, "--image", "example/interestflow:1", "--pipeline-root", ROOT)
    assert submitted.exit_code == 0, submitted.output
    assert submitted.stdout.splitlines()[0] == f"compiling {path}"
    ((config, source),) = compiled
    assert (config.name, config.kubeflow.image, config.kubeflow.pipeline_root) == (
        "demo", "example/interestflow:1", ROOT
    )  # fmt: skip
    assert source == ConfigSource(
        path, {"kubeflow.image": "--image", "kubeflow.pipeline_root": "--pipeline-root"}, OPTIONS
    )  # fmt: skip
    run = only_run(server)
    assert (run["service_account"], run["runtime_config"]["pipeline_root"]) == ("runner", ROOT)
    assert server.state.contents()["experiments"] == ["nightly"]


@pytest.mark.end_to_end
def test_what_compile_writes_is_accepted(server: Server, tmp_path: Path) -> None:
    server.state.namespaces = {"kubeflow"}
    arguments = (
        PROJECT / "configs" / "demo-kubeflow.yaml", "--endpoint", server.endpoint,
        "--image", "ghcr.io/me/interestflow:1", "--pipeline-root", "s3://store/interestflow",
        "--parameter", "learning_rate=0.01",
    )  # fmt: skip
    for _ in range(2):
        submitted = submit(*arguments)
        assert submitted.exit_code == 0, submitted.output
    (version,) = server.state.versions.values()  # compiling twice gave the same bytes
    assert list(version["platform_spec"]["platforms"]) == ["kubernetes"]
    assert set(version["pipeline_spec"]["root"]["inputDefinitions"]["parameters"]) >= {
        "learning_rate",
        "scheduled_time",
    }
    assert [run["runtime_config"] for run in server.state.runs.values()] == [
        {"pipeline_root": "s3://store/interestflow", "parameters": {"learning_rate": 0.01}}
    ] * 2


def test_a_configuration_that_cannot_be_compiled(server: Server) -> None:
    refused = submit(PROJECT / "configs" / "demo-kubeflow.yaml", "--endpoint", server.endpoint)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: `kubeflow.image` should ")
    assert server.state.requests == []


def test_a_specification_has_its_own_image(server: Server, specification: Path) -> None:
    refused = submit(specification, "--endpoint", server.endpoint, "--image", "other")
    assert (refused.exit_code, refused.stderr) == (
        1,
        "error: `--image`, `--gpu-image` and `--data-folder` should be left out with a specification, which has its "
        "own\n",
    )
