"""Follows a run to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from interestflow.kubeflow.submission.connection import FORBIDDEN, NOT_FOUND
from interestflow.kubeflow.submission.errors import ServerError, SubmissionError
from interestflow.kubeflow.submission.pipelines_api import PipelinesApi
from interestflow.kubeflow.submission.step_logs import failure_reason

SUCCEEDED, FAILED, SKIPPED = "SUCCEEDED", "FAILED", "SKIPPED"
FINAL_STATES = frozenset({SUCCEEDED, FAILED, SKIPPED, "CANCELED"})
PUSHER = "Pusher"
REFUSAL = "the model was refused and not pushed"
"""How the reason of a Pusher begins that fails because a gate refused the model."""
PATIENCE_SECONDS = 300.0
"""How long a server that does not answer is asked again. A run goes on without its API server."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        state: the run's last state, such as SUCCEEDED.
        is_refused: whether a gate refused the model, so that it was not pushed.
        failures: the steps that failed, each with its reason where the server has the log.
    """

    state: str
    is_refused: bool
    failures: tuple[str, ...]


@dataclass
class Waiting:
    """How to wait.

    Attributes:
        seconds: how long; None for ever.
        poll_seconds: pause between two requests.
        report: is called with a line for each change of a step's state.
    """

    seconds: float | None
    poll_seconds: float
    report: Callable[[str], None]


def wait_for_run(api: PipelinesApi, run_id: str, steps: Sequence[str], waiting: Waiting) -> Outcome:
    """Wait until a run has ended.

    Args:
        api: the API.
        run_id: id of the run.
        steps: ids of the pipeline's steps; what else the backend lists, such as drivers, is left out.
        waiting: how to wait.

    Raises:
        SubmissionError: where the time is over, and where the server refuses to tell or cannot be reached for long.
    """
    started = answered = time.monotonic()
    known: dict[str, str] = {}
    while True:
        try:
            run = api.get_run(run_id)
            answered = time.monotonic()
        except ServerError as error:
            is_final = error.status in (FORBIDDEN, NOT_FOUND)
            if is_final or time.monotonic() - answered > PATIENCE_SECONDS:
                raise
            run = None
        if run is not None:
            _report_changes(run, steps, known, waiting.report)
            if run.state in FINAL_STATES:
                return _outcome(api, run, known)
        pause = waiting.poll_seconds
        if waiting.seconds is not None:
            remaining = started + waiting.seconds - time.monotonic()
            if remaining <= 0:
                raise SubmissionError(f"the run should have ended within {waiting.seconds:g} seconds (`--timeout`)")
            pause = min(pause, remaining)
        time.sleep(pause)


def _tasks(run: Any) -> Sequence[Any]:
    return () if run.run_details is None else run.run_details.task_details or ()


def _report_changes(run: Any, steps: Sequence[str], known: dict[str, str], report: Callable[[str], None]) -> None:
    for task in _tasks(run):
        if task.display_name in steps and task.state and known.get(task.display_name) != task.state:
            known[task.display_name] = task.state
            report(f"{task.display_name} {task.state}")


def _outcome(api: PipelinesApi, run: Any, states: dict[str, str]) -> Outcome:
    failed = [step for step, state in states.items() if state == FAILED]
    reasons = {step: failure_reason(api, run.run_id, step, _tasks(run)) for step in failed}
    is_skipped = run.state == SUCCEEDED and states.get(PUSHER) == SKIPPED
    # Where the configuration says so, a refusal is a failure of Pusher, and of nothing else.
    is_failed = run.state == FAILED and failed == [PUSHER] and (reasons[PUSHER] or "").startswith(REFUSAL)
    failures = tuple(f"{step}: {reason or 'the server has no log of it'}" for step, reason in reasons.items())
    return Outcome(run.state, is_skipped or is_failed, failures)
