"""A recurring run is replaced without a moment in which two are enabled."""

from __future__ import annotations

from pathlib import Path

import kfp
import pytest

from interestflow.kubeflow.submission.errors import SubmissionError
from interestflow.kubeflow.submission.pipelines_api import PipelinesApi
from interestflow.kubeflow.submission.schedule import Schedule
from interestflow.kubeflow.submission.submit import Submission, submit
from tests.kubeflow.submission.api_server import Fault, Server, answer_error, hang_up
from tests.kubeflow.submission.specifications import NAME, ROOT, specification_text
from tests.kubeflow.submission.test_submit import NOTHING, specification

RECURRING = "/apis/v2beta1/recurringruns"


def scheduled(folder: Path, cron: str = "0 0 3 * * *", **changes: object) -> Submission:
    return Submission(
        specification=specification(folder, specification_text(**changes)),
        experiment="tests",
        run_name="nightly",
        pipeline_root=ROOT,
        parameters={"scheduled_time": "[[ScheduledTime]]"},
        schedule=Schedule(cron, no_catchup=True),
    )


def enabled(server: Server) -> list[str]:
    """Return the ids of the recurring runs that start runs."""
    return [key for key, run in server.state.recurring_runs.items() if run["status"] == "ENABLED"]


def test_created(server: Server, api: PipelinesApi, tmp_path: Path) -> None:
    submitted = submit(api, scheduled(tmp_path))
    assert submitted.notes[-1] == "created recurring run nightly (0 0 3 * * *)"
    (request,) = [request for request in server.state.requests if (request.method, request.path) == ("POST", RECURRING)]
    (version,) = server.state.versions.values()
    assert request.json == {
        "experiment_id": next(iter(server.state.experiments)),
        "display_name": "nightly",
        "mode": "ENABLE",
        "trigger": {"cron_schedule": {"cron": "0 0 3 * * *"}},
        "no_catchup": True,
        "max_concurrency": 1,
        "pipeline_version_reference": {
            "pipeline_id": version["pipeline_id"],
            "pipeline_version_id": version["pipeline_version_id"],
        },
        "runtime_config": {"pipeline_root": ROOT, "parameters": {"scheduled_time": "[[ScheduledTime]]"}},
    }
    assert enabled(server) == [submitted.id]
    assert server.state.runs == {}


def test_the_request_is_that_of_kfp(server: Server, api: PipelinesApi, tmp_path: Path) -> None:
    submit(api, scheduled(tmp_path))
    (version,), (experiment,) = server.state.versions.values(), server.state.experiments
    with pytest.warns(FutureWarning):
        client = kfp.Client(host=server.endpoint, namespace="team")
    client.create_recurring_run(
        experiment, "nightly", cron_expression="0 0 3 * * *", no_catchup=True, pipeline_root=ROOT,
        params={"scheduled_time": "[[ScheduledTime]]"}, pipeline_id=version["pipeline_id"],
        version_id=version["pipeline_version_id"],
    )  # fmt: skip
    ours, theirs = [
        request.json for request in server.state.requests if (request.method, request.path) == ("POST", RECURRING)
    ]
    assert ours == theirs


def test_replaced(server: Server, api: PipelinesApi, tmp_path: Path) -> None:
    server.state.page_limit = 1
    first = submit(api, scheduled(tmp_path))
    submit(api, scheduled(tmp_path, "@daily"))
    third = submit(api, scheduled(tmp_path, "0 0 4 * * *", defaultPipelineRoot="gs://other"))
    assert enabled(server) == list(server.state.recurring_runs) == [third.id]
    assert server.state.most_enabled == 1
    assert server.state.recurring_runs[third.id]["trigger"] == {"cron_schedule": {"cron": "0 0 4 * * *"}}
    assert first.id != third.id
    assert third.notes[-1].startswith("deleted the recurring run that it replaces, ")


def test_all_of_the_name_are_replaced(server: Server, api: PipelinesApi, tmp_path: Path) -> None:
    server.state.page_limit = 1
    first = submit(api, scheduled(tmp_path))
    copy = {**server.state.recurring_runs[first.id], "recurring_run_id": "copy", "status": "DISABLED"}
    server.state.recurring_runs["copy"] = copy
    second = submit(api, scheduled(tmp_path))
    assert list(server.state.recurring_runs) == [second.id]
    assert server.state.most_enabled == 1


def test_one_of_another_pipeline_is_not_touched(server: Server, api: PipelinesApi, tmp_path: Path) -> None:
    first = submit(api, scheduled(tmp_path))
    before = server.state.contents()
    with pytest.raises(SubmissionError) as caught:
        submit(api, scheduled(tmp_path, pipelineInfo={"name": "other"}))
    assert str(caught.value).startswith(
        "`--run-name` should be a name that no other pipeline's recurring run has, received 'nightly', which is "
        f"{first.id}; deleted again: version "
    )
    assert server.state.contents() == before
    assert before["pipelines"] == [NAME]


def test_a_refused_one_leaves_nothing(server: Server, api: PipelinesApi, tmp_path: Path) -> None:
    server.state.faults.append(Fault("POST", RECURRING, answer_error(400, "no")))
    with pytest.raises(SubmissionError, match=r"answered no \(HTTP 400\); deleted again: experiment tests, version "):
        submit(api, scheduled(tmp_path))
    assert server.state.contents() == NOTHING


@pytest.mark.parametrize("is_carried_out", [False, True])
@pytest.mark.parametrize("step", ["disable", "enable"])
def test_the_old_one_goes_on_where_the_switch_fails(
    step: str, is_carried_out: bool, server: Server, api: PipelinesApi, tmp_path: Path
) -> None:
    first = submit(api, scheduled(tmp_path))
    server.state.faults.append(Fault("POST", f"{RECURRING}/.*:{step}", answer_error(500, "down"), is_carried_out))
    with pytest.raises(SubmissionError, match=r"answered down \(HTTP 500\)$"):
        submit(api, scheduled(tmp_path, "@hourly"))
    assert enabled(server) == list(server.state.recurring_runs) == [first.id]
    assert server.state.most_enabled == 1


def test_never_two_even_where_the_new_one_cannot_be_deleted(server: Server, api: PipelinesApi, tmp_path: Path) -> None:
    first = submit(api, scheduled(tmp_path))
    server.state.faults += [
        Fault("POST", f"{RECURRING}/.*:enable", hang_up, is_carried_out=True),
        Fault("DELETE", f"{RECURRING}/.*", answer_error(403, "no")),
    ]
    with pytest.raises(SubmissionError) as caught:
        submit(api, scheduled(tmp_path, "@hourly"))
    (new,) = set(server.state.recurring_runs) - {first.id}
    assert f"; recurring run {new} could not be deleted (" in str(caught.value)
    assert str(caught.value).endswith(f"so that these stay disabled: {first.id}")
    assert enabled(server) == [new]
    assert server.state.most_enabled == 1


def test_an_old_one_that_cannot_be_enabled_again_is_named(server: Server, api: PipelinesApi, tmp_path: Path) -> None:
    first = submit(api, scheduled(tmp_path))
    server.state.faults.append(Fault("POST", f"{RECURRING}/.*:enable", answer_error(500, "down"), count=2))
    with pytest.raises(SubmissionError, match=f"; recurring run {first.id} stays disabled: "):
        submit(api, scheduled(tmp_path, "@hourly"))


def test_an_old_one_that_cannot_be_deleted_is_disabled_and_named(
    server: Server, api: PipelinesApi, tmp_path: Path
) -> None:
    first = submit(api, scheduled(tmp_path))
    server.state.faults.append(Fault("DELETE", f"{RECURRING}/.*", answer_error(500, "down")))
    second = submit(api, scheduled(tmp_path, "@hourly"))
    assert enabled(server) == [second.id]
    assert second.notes[-1].startswith(f"the recurring run that it replaces, {first.id}, is disabled and left: ")


def test_created_although_the_answer_was_lost(server: Server, api: PipelinesApi, tmp_path: Path) -> None:
    server.state.faults.append(Fault("POST", RECURRING, hang_up, is_carried_out=True))
    first = submit(api, scheduled(tmp_path))
    server.state.faults.append(Fault("POST", RECURRING, hang_up, is_carried_out=True))
    second = submit(api, scheduled(tmp_path))
    assert first.id != second.id
    assert enabled(server) == list(server.state.recurring_runs) == [second.id]
