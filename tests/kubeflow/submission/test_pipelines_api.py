"""Requests find what they should, on more than one page, and delete what they name."""

from __future__ import annotations

import pytest

from interestflow.kubeflow.submission.errors import ServerError
from interestflow.kubeflow.submission.pipelines_api import PipelinesApi, RunRequest, Version
from interestflow.kubeflow.submission.schedule import Schedule
from tests.kubeflow.submission.api_server import Server
from tests.kubeflow.submission.specifications import ROOT, specification_text

NAMES = ["plain", "with space", "a?c=d&e%2F", 'quote"\\', "ünïcode"]


@pytest.mark.parametrize("name", NAMES)
def test_names_arrive_as_they_are(name: str, server: Server, api: PipelinesApi) -> None:
    assert api.find_pipeline(name) is None
    pipeline = api.create_pipeline(name)
    assert api.find_pipeline(name) == pipeline
    version = api.upload_version(pipeline, name, specification_text())
    assert api.find_version(pipeline, name) == version
    assert api.find_version(pipeline, name + "x") is None
    experiment = api.create_experiment(name)
    assert api.find_experiment(name) == experiment
    assert api.find_experiment(name + "x") is None
    with pytest.raises(ServerError, match="already exist"):
        api.create_pipeline(name)
    api.delete_version(Version(pipeline, version))
    api.delete_pipeline(pipeline)
    api.delete_experiment(experiment)
    assert not any(server.state.contents().values())


def test_what_does_not_exist_is_an_error(api: PipelinesApi) -> None:
    with pytest.raises(ServerError, match=r"Pipeline nothing not found\. \(HTTP 404\)"):
        api.delete_pipeline("nothing")
    with pytest.raises(ServerError, match="Run nothing not found"):
        api.get_run("nothing")


def test_runs_of_one_version_on_several_pages(server: Server, api: PipelinesApi) -> None:
    server.state.page_limit = 2
    pipeline, experiment, other = api.create_pipeline("p"), api.create_experiment("e"), api.create_experiment("o")
    versions = [Version(pipeline, api.upload_version(pipeline, name, specification_text())) for name in "ab"]
    requests = [RunRequest("run", version, ROOT, {}, None) for version in versions]
    runs = [api.create_run(experiment, requests[index % 2]) for index in range(6)]
    api.create_run(experiment, RunRequest("another", versions[0], ROOT, {}, None))
    api.create_run(other, requests[0])
    assert api.find_runs(experiment, requests[0]) == runs[::2]
    assert "service_account" not in server.state.runs[runs[0]]


def test_recurring_runs(server: Server, api: PipelinesApi) -> None:
    pipeline, experiment = api.create_pipeline("p"), api.create_experiment("e")
    request = RunRequest(
        "r", Version(pipeline, api.upload_version(pipeline, "v", specification_text())), ROOT, {}, None
    )
    recurring = api.create_recurring_run(experiment, request, Schedule("@daily", no_catchup=False), is_enabled=False)
    assert [(run.recurring_run_id, run.status) for run in api.find_recurring_runs("r")] == [(recurring, "DISABLED")]
    api.enable_recurring_run(recurring)
    assert [run.status for run in api.find_recurring_runs("r")] == ["ENABLED"]
    api.disable_recurring_run(recurring)
    assert [run.status for run in api.find_recurring_runs("r")] == ["DISABLED"]
    assert api.find_recurring_runs("other") == []
    api.delete_recurring_run(recurring)
    assert server.state.recurring_runs == {}


def test_logs_are_text_whatever_they_hold(server: Server, api: PipelinesApi) -> None:
    server.state.runs["run"] = {"run_id": "run"}
    server.state.logs = {"text": "one\ntwo ü\n", "number": "17"}
    assert api.read_log("run", "text") == "one\ntwo ü\n"
    assert api.read_log("run", "number") == "17"
    with pytest.raises(ServerError, match='pods "gone" not found'):
        api.read_log("run", "gone")
