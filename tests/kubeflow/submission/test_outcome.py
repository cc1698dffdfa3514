"""A run is followed to its end, and its end is told apart: success, failure, refusal."""

from __future__ import annotations

import time
from typing import Any

import pytest

from interestflow.kubeflow.submission import outcome
from interestflow.kubeflow.submission.errors import ServerError, SubmissionError
from interestflow.kubeflow.submission.outcome import Outcome, Waiting, wait_for_run
from interestflow.kubeflow.submission.pipelines_api import PipelinesApi
from tests.kubeflow.submission.api_server import Fault, Server, answer_error, hang_up
from tests.kubeflow.submission.specifications import STEPS
from tests.paths import PROJECT

RUN = "/apis/v2beta1/runs/run"


def state(state: str, **steps: str) -> dict[str, Any]:
    """Return what the server says of a run, with the drivers that stand beside the steps."""
    tasks = [
        task
        for step, step_state in steps.items()
        for task in (
            {"display_name": f"{step}-driver", "state": "SUCCEEDED", "pod_name": f"{step}-driver-node"},
            {
                "display_name": step,
                "state": step_state,
                "pod_name": f"{step}-node",
                "child_tasks": [{"pod_name": f"{step}-pod"}],
            },
            {"display_name": "executor", "state": step_state, "pod_name": f"{step}-pod"},
        )
    ]
    return {"state": state, "run_details": {"task_details": tasks}}


@pytest.fixture
def lines() -> list[str]:
    return []


def follow(server: Server, api: PipelinesApi, lines: list[str], *states: dict[str, Any], **options: Any) -> Outcome:
    server.state.runs["run"] = {"run_id": "run"}
    server.state.run_states = list(states)
    return wait_for_run(api, "run", STEPS, Waiting(options.get("seconds"), 0.01, lines.append))


def test_a_pushed_model(server: Server, api: PipelinesApi, lines: list[str]) -> None:
    ended = follow(
        server,
        api,
        lines,
        {"state": "PENDING"},
        state("RUNNING", Trainer="RUNNING"),
        state("RUNNING", Trainer="RUNNING"),
        state("RUNNING", Trainer="SUCCEEDED", Evaluator="RUNNING"),
        state("SUCCEEDED", Trainer="SUCCEEDED", Evaluator="SUCCEEDED", Pusher="SUCCEEDED"),
    )
    assert ended == Outcome("SUCCEEDED", is_refused=False, failures=())
    assert lines == [
        "Trainer RUNNING", "Trainer SUCCEEDED", "Evaluator RUNNING", "Evaluator SUCCEEDED", "Pusher SUCCEEDED"
    ]  # fmt: skip


def test_a_refused_model(server: Server, api: PipelinesApi, lines: list[str]) -> None:
    ended = follow(server, api, lines, state("SUCCEEDED", Trainer="SUCCEEDED", Pusher="SKIPPED"))
    assert ended == Outcome("SUCCEEDED", is_refused=True, failures=())


def test_a_failed_step(server: Server, api: PipelinesApi, lines: list[str]) -> None:
    server.state.logs["Trainer-pod"] = (
        "epoch 1\n`data.events` should be a file, received nothing\n"
        "F1130 12:00:00.000000       1 main.go:54] failed to execute component: exit status 1\n"
        'time="2026-11-30T12:00:00.0Z" level=info msg="sub-process exited"\n'
    )
    # Steps that were not reached are shown as skipped: this is no refusal.
    ended = follow(server, api, lines, state("FAILED", Trainer="FAILED", Pusher="SKIPPED"))
    assert ended == Outcome(
        "FAILED", is_refused=False, failures=("Trainer: `data.events` should be a file, received nothing",)
    )


def test_a_failed_step_whose_pod_is_gone(server: Server, api: PipelinesApi, lines: list[str]) -> None:
    ended = follow(server, api, lines, state("FAILED", Trainer="FAILED"))
    assert ended.failures == ("Trainer: the server has no log of it",)


@pytest.mark.parametrize(
    ("log", "is_refused"),
    [
        ("the model was refused and not pushed: auc 0.7 is below 0.75\n", True),
        ("s3://store cannot be reached: connection refused\n", False),
    ],
)
def test_a_refusal_that_fails_the_run(
    log: str, is_refused: bool, server: Server, api: PipelinesApi, lines: list[str]
) -> None:
    server.state.logs["Pusher-pod"] = log
    ended = follow(server, api, lines, state("FAILED", Trainer="SUCCEEDED", Pusher="FAILED"))
    assert ended == Outcome("FAILED", is_refused=is_refused, failures=(f"Pusher: {log.strip()}",))


def test_the_refusal_is_what_the_step_says() -> None:
    # Read rather than imported: this package knows nothing of the pipeline, and TFX takes ten seconds to import.
    assert f'f"{outcome.REFUSAL}: ' in (PROJECT / "pipeline" / "components" / "atomic_pusher.py").read_text()


@pytest.mark.parametrize("final", ["CANCELED", "SKIPPED"])
def test_other_ends(final: str, server: Server, api: PipelinesApi, lines: list[str]) -> None:
    assert follow(server, api, lines, {"state": "RUNNING"}, {"state": final}) == Outcome(final, False, ())


def test_the_time_is_over(server: Server, api: PipelinesApi, lines: list[str]) -> None:
    with pytest.raises(SubmissionError) as caught:
        follow(server, api, lines, {"state": "RUNNING"}, seconds=0.05)
    assert str(caught.value) == "the run should have ended within 0.05 seconds (`--timeout`)"


def test_the_last_pause_ends_with_the_time(server: Server, api: PipelinesApi, lines: list[str]) -> None:
    server.state.runs["run"] = {"run_id": "run"}
    started = time.monotonic()
    with pytest.raises(SubmissionError, match=r"within 0\.1 seconds"):
        wait_for_run(api, "run", STEPS, Waiting(0.1, 60, lines.append))
    assert time.monotonic() - started < 10


def test_a_server_that_restarts_does_not_end_the_wait(server: Server, api: PipelinesApi, lines: list[str]) -> None:
    server.state.faults += [Fault("GET", RUN, hang_up, count=2), Fault("GET", RUN, answer_error(500, "starting"))]
    assert follow(server, api, lines, {"state": "SUCCEEDED"}).state == "SUCCEEDED"
    assert server.state.faults == []


def test_a_server_that_stays_away_ends_it(
    server: Server, api: PipelinesApi, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome, "PATIENCE_SECONDS", 0.05)
    server.state.faults.append(Fault("GET", RUN, answer_error(500, "down"), count=10**6))
    with pytest.raises(ServerError, match="answered down"):
        follow(server, api, lines, {"state": "SUCCEEDED"})


def test_a_run_that_is_deleted_ends_it(server: Server, api: PipelinesApi, lines: list[str]) -> None:
    server.state.faults.append(Fault("GET", RUN, answer_error(404, "Run run not found.")))
    with pytest.raises(ServerError, match="Run run not found"):
        follow(server, api, lines, {"state": "SUCCEEDED"})
