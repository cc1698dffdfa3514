"""Submits a compiled specification: pipeline, version, experiment, and a run or a recurring run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from interestflow.kubeflow.submission.connection import CONFLICT
from interestflow.kubeflow.submission.errors import SubmissionError
from interestflow.kubeflow.submission.pipelines_api import PipelinesApi, RunRequest, Version
from interestflow.kubeflow.submission.recurring import replace_recurring_run
from interestflow.kubeflow.submission.schedule import Schedule
from interestflow.kubeflow.submission.specification import Specification
from interestflow.kubeflow.submission.undo import UndoLog, find_or_create


@dataclass(frozen=True)
class Submission:
    """What to run, and how.

    Attributes:
        specification: the compiled pipeline.
        experiment: name of the experiment, which is created if needed.
        run_name: name of the run, or of the recurring run.
        pipeline_root: URL below which the artifacts lie.
        parameters: values by name.
        service_account: Kubernetes service account of the steps' pods; None for the server's default.
        schedule: when runs start; None for one run now.
    """

    specification: Specification
    experiment: str
    run_name: str
    pipeline_root: str
    parameters: Mapping[str, Any]
    service_account: str | None = None
    schedule: Schedule | None = None


@dataclass(frozen=True)
class Submitted:
    """What was submitted.

    Attributes:
        id: id of the run, or of the recurring run.
        notes: sentences for the user: what was created, found or replaced.
    """

    id: str
    notes: tuple[str, ...]


def submit(api: PipelinesApi, submission: Submission) -> Submitted:
    """Create what is missing and start the run; where that fails, everything that this call created is deleted again.

    A version is named by the digest of its content, so that the same specification is uploaded once.

    Raises:
        SubmissionError: where the API refuses or fails; the message says what was deleted and what is left.
    """
    undo = UndoLog()
    try:
        return _submit(api, submission, undo)
    except SubmissionError as error:
        raise SubmissionError(f"{error}{undo.undo()}") from None
    except KeyboardInterrupt:
        raise SubmissionError(f"interrupted{undo.undo()}") from None
    except BaseException:
        undo.undo()
        raise


def _submit(api: PipelinesApi, submission: Submission, undo: UndoLog) -> Submitted:
    notes: list[str] = []
    version = _find_or_upload(api, submission.specification, undo, notes)
    name = submission.experiment
    label = f"experiment {name}"
    find, create = partial(api.find_experiment, name), partial(api.create_experiment, name)
    experiment_id, is_new = find_or_create(find, create, label, CONFLICT)
    if is_new:
        undo.add(label, partial(api.delete_experiment, experiment_id))
        notes.append(f"created {label}")
    request = RunRequest(
        submission.run_name, version, submission.pipeline_root, submission.parameters, submission.service_account
    )
    if submission.schedule is not None:
        recurring = replace_recurring_run(api, experiment_id, request, submission.schedule)
        return Submitted(recurring.id, (*notes, *recurring.notes))
    return Submitted(_create_run(api, experiment_id, request), (*notes, f"started run {request.name}"))


def _find_or_upload(api: PipelinesApi, specification: Specification, undo: UndoLog, notes: list[str]) -> Version:
    name, digest = specification.name, specification.digest
    label = f"pipeline {name}"
    find, create = partial(api.find_pipeline, name), partial(api.create_pipeline, name)
    pipeline_id, is_new = find_or_create(find, create, label, CONFLICT)
    if is_new:
        undo.add(label, partial(api.delete_pipeline, pipeline_id))
        notes.append(f"created {label}")
    label = f"version {digest} of pipeline {name}"
    version_id, is_new = find_or_create(
        partial(api.find_version, pipeline_id, digest),
        partial(api.upload_version, pipeline_id, digest, specification.text),
        label,
        CONFLICT,
    )
    version = Version(pipeline_id, version_id)
    if is_new:
        undo.add(label, partial(api.delete_version, version))
    notes.append(f"uploaded {label}" if is_new else f"{label} exists already")
    return version


def _create_run(api: PipelinesApi, experiment_id: str, request: RunRequest) -> str:
    """Create a run; one that the server created without answering in time is found, not created twice."""
    earlier = set(api.find_runs(experiment_id, request))

    def find_new() -> str | None:
        return next((run_id for run_id in api.find_runs(experiment_id, request) if run_id not in earlier), None)

    label = f"run {request.name}"
    run_id, _ = find_or_create(find_new, partial(api.create_run, experiment_id, request), label, CONFLICT)
    return run_id
