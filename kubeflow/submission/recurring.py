"""Creates a recurring run, or replaces the one of the same name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interestflow.kubeflow.submission.errors import ServerError, SubmissionError
from interestflow.kubeflow.submission.pipelines_api import PipelinesApi, RunRequest
from interestflow.kubeflow.submission.schedule import Schedule

ENABLED = "ENABLED"


@dataclass(frozen=True)
class RecurringRun:
    """A recurring run that was created, and sentences that say so."""

    id: str
    notes: tuple[str, ...]


def replace_recurring_run(
    api: PipelinesApi, experiment_id: str, request: RunRequest, schedule: Schedule
) -> RecurringRun:
    """Create a recurring run in place of those with the same name.

    The API cannot change one. So the new one is created disabled, the old ones are disabled, the new one is enabled and
    the old ones are deleted: two are never enabled at once, and a failure half-way enables the old ones again.

    Raises:
        SubmissionError: where one of that name belongs to another pipeline, and where the API refuses or fails.
    """
    old = api.find_recurring_runs(request.name)
    for run in old:
        if run.pipeline_version_reference is None or (
            run.pipeline_version_reference.pipeline_id != request.version.pipeline_id
        ):
            raise SubmissionError(
                f"`--run-name` should be a name that no other pipeline's recurring run has, received {request.name!r}, "
                f"which is {run.recurring_run_id}"
            )
    new_id = _create(api, experiment_id, request, schedule, old)
    if old:
        _switch(api, old, new_id)
    notes = [f"created recurring run {request.name} ({schedule.cron})"]
    for run in old:
        try:
            api.delete_recurring_run(run.recurring_run_id)
            notes.append(f"deleted the recurring run that it replaces, {run.recurring_run_id}")
        except SubmissionError as error:
            notes.append(f"the recurring run that it replaces, {run.recurring_run_id}, is disabled and left: {error}")
    return RecurringRun(new_id, tuple(notes))


def _create(api: PipelinesApi, experiment_id: str, request: RunRequest, schedule: Schedule, old: Sequence[Any]) -> str:
    try:
        return api.create_recurring_run(experiment_id, request, schedule, is_enabled=not old)
    except ServerError as error:
        if not error.may_have_happened:
            raise
        known = {run.recurring_run_id for run in old}
        try:
            new = [run for run in api.find_recurring_runs(request.name) if run.recurring_run_id not in known]
        except SubmissionError:
            raise SubmissionError(f"{error}; recurring run {request.name} may have been created all the same") from None
        if not new:
            raise
        return new[0].recurring_run_id


def _switch(api: PipelinesApi, old: Sequence[Any], new_id: str) -> None:
    """Disable the old recurring runs and enable the new one, or leave everything as it was."""
    disabled: list[str] = []
    try:
        for run in old:
            if run.status == ENABLED:
                disabled.append(run.recurring_run_id)
                api.disable_recurring_run(run.recurring_run_id)
        api.enable_recurring_run(new_id)
    except BaseException as error:
        left = _switch_back(api, disabled, new_id)
        if isinstance(error, (SubmissionError, KeyboardInterrupt)):
            raise SubmissionError(f"{error or 'interrupted'}{left}") from None
        raise


def _switch_back(api: PipelinesApi, disabled: Sequence[str], new_id: str) -> str:
    """Delete the new recurring run and enable the old ones; return what could not be done, as the end of a sentence."""
    try:
        api.delete_recurring_run(new_id)
    except SubmissionError as error:
        names = ", ".join(disabled) or "none"
        return f"; recurring run {new_id} could not be deleted ({error}), so that these stay disabled: {names}"
    texts = []
    for recurring_run_id in disabled:
        try:
            api.enable_recurring_run(recurring_run_id)
        except SubmissionError as error:
            texts.append(f"; recurring run {recurring_run_id} stays disabled: {error}")
    return "".join(texts)
