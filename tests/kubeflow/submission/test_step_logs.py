"""The reason of a failed step is the last line that the step itself printed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from interestflow.kubeflow.submission.pipelines_api import PipelinesApi
from interestflow.kubeflow.submission.step_logs import failure_reason
from tests.kubeflow.submission.api_server import Server


def node(name: str, display_name: str, state: str = "FAILED", children: tuple[str, ...] = ()) -> SimpleNamespace:
    tasks = [SimpleNamespace(pod_name=child) for child in children]
    return SimpleNamespace(pod_name=name, display_name=display_name, state=state, child_tasks=tasks)


TASKS = [
    node("trainer", "Trainer", children=("retries",)),
    node("retries", "executor", children=("attempt-0", "attempt-1", "done", "unknown", "trainer")),
    node("attempt-0", "executor(0)"),
    node("attempt-1", "executor(1)"),
    node("done", "done", "SUCCEEDED"),
    node("driver", "Trainer-driver"),
]


@pytest.fixture
def _run(server: Server) -> None:
    server.state.runs["run"] = {"run_id": "run"}


@pytest.mark.usefixtures("_run")
def test_the_last_attempt_counts(server: Server, api: PipelinesApi) -> None:
    server.state.logs |= {"attempt-0": "first\n", "attempt-1": "second\n\n", "done": "done\n", "driver": "driver\n"}
    assert failure_reason(api, "run", "Trainer", TASKS) == "second"
    del server.state.logs["attempt-1"]
    assert failure_reason(api, "run", "Trainer", TASKS) == "first"


@pytest.mark.usefixtures("_run")
def test_without_a_log(server: Server, api: PipelinesApi) -> None:
    assert failure_reason(api, "run", "Trainer", TASKS) is None
    server.state.logs["attempt-1"] = "I1130 12:00:00.000000 1 launcher_v2.go:99] publish success\n"
    assert failure_reason(api, "run", "Trainer", TASKS) is None
    assert failure_reason(api, "run", "Pusher", TASKS) is None
