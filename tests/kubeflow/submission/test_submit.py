"""A submission creates what is missing, and leaves nothing behind where it fails."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import kfp
import pytest

from interestflow.kubeflow.submission.connection import Connection
from interestflow.kubeflow.submission.errors import SubmissionError
from interestflow.kubeflow.submission.pipelines_api import PipelinesApi
from interestflow.kubeflow.submission.specification import Specification, read_specification
from interestflow.kubeflow.submission.submit import Submission, submit
from tests.kubeflow.submission.api_server import Fault, Server, answer_error, hang_up, stay_silent
from tests.kubeflow.submission.specifications import (
    NAME,
    ROOT,
    pipeline_document,
    platform_document,
    specification_text,
)

NOTHING: dict[str, list[str]] = {
    "pipelines": [], "versions": [], "experiments": [], "runs": [], "recurring_runs": []
}  # fmt: skip
RUNS, VERSIONS = "/apis/v2beta1/runs", "/apis/v2beta1/pipelines/upload_version"


def specification(folder: Path, text: str) -> Specification:
    (folder / "pipeline.yaml").write_text(text)
    read = read_specification(folder / "pipeline.yaml")
    assert read is not None
    return read


@pytest.fixture
def submission(tmp_path: Path) -> Submission:
    return Submission(
        specification=specification(tmp_path, specification_text()),
        experiment="tests",
        run_name="first",
        pipeline_root=ROOT,
        parameters={"learning_rate": 0.1},
        service_account="runner",
    )


def test_everything_is_created(server: Server, api: PipelinesApi, submission: Submission) -> None:
    digest = submission.specification.digest
    submitted = submit(api, submission)
    assert submitted.notes == (
        "created pipeline shop",
        f"uploaded version {digest} of pipeline shop",
        "created experiment tests",
        "started run first",
    )
    assert server.state.contents() == {
        "pipelines": [NAME], "versions": [digest], "experiments": ["tests"], "runs": ["first"], "recurring_runs": []
    }  # fmt: skip
    assert list(server.state.runs) == [submitted.id]
    (version,) = server.state.versions.values()
    assert version["text"] == submission.specification.text  # both documents, byte for byte
    assert version["pipeline_spec"] == pipeline_document()
    assert version["platform_spec"] == platform_document()


def test_the_run_on_the_wire(server: Server, api: PipelinesApi, submission: Submission) -> None:
    submit(api, submission)
    (request,) = [request for request in server.state.requests if (request.method, request.path) == ("POST", RUNS)]
    (version,) = server.state.versions.values()
    # It refers to the version: a copy of the specification would lack the platform document, and is where
    # `enable_caching` would be written.
    assert request.json == {
        "experiment_id": next(iter(server.state.experiments)),
        "display_name": "first",
        "pipeline_version_reference": {
            "pipeline_id": version["pipeline_id"],
            "pipeline_version_id": version["pipeline_version_id"],
        },
        "runtime_config": {"pipeline_root": ROOT, "parameters": {"learning_rate": 0.1}},
        "service_account": "runner",
    }
    assert not any(b"enableCache" in request.body for request in server.state.requests)


def test_the_requests_are_those_of_kfp(
    server: Server, api: PipelinesApi, submission: Submission, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The server of these tests is our own, but its requests are known to be right: kfp's client sends the same."""
    submit(api, submission)
    ours = [request for request in server.state.requests if request.method == "POST"]
    (pipeline, version), (experiment,) = _ids(server), server.state.experiments
    with pytest.warns(FutureWarning):
        client = kfp.Client(host=server.endpoint, namespace="team")
    server.state.requests.clear()
    path = tmp_path / "pipeline.yaml"
    path.write_text(submission.specification.text)
    client.upload_pipeline_version(str(path), "other", pipeline_id=pipeline)
    client.create_experiment("other", namespace="")
    client.run_pipeline(
        experiment, "first", params={"learning_rate": 0.1}, pipeline_id=pipeline, version_id=version,
        pipeline_root=ROOT, service_account="runner",
    )  # fmt: skip
    theirs = [request for request in server.state.requests if request.method == "POST"]
    assert [request.path for request in theirs] == [request.path for request in ours[1:]]
    boundary = re.compile(rb"--[0-9a-f]{32}")
    assert boundary.sub(b"", theirs[0].body) == boundary.sub(b"", ours[1].body)
    assert theirs[0].query == ours[1].query | {"name": "other"}
    assert ours[2].json | {"display_name": "other", "namespace": "team"} == theirs[1].json
    assert ours[3].json == theirs[2].json


def _ids(server: Server) -> tuple[str, str]:
    (version,) = server.state.versions.values()
    return version["pipeline_id"], version["pipeline_version_id"]


def test_the_same_again_uploads_nothing(server: Server, api: PipelinesApi, submission: Submission) -> None:
    submit(api, submission)
    again = submit(api, dataclasses.replace(submission, run_name="second"))
    digest = submission.specification.digest
    assert again.notes == (f"version {digest} of pipeline shop exists already", "started run second")
    assert server.state.contents() == {
        "pipelines": [NAME], "versions": [digest], "experiments": ["tests"], "runs": ["first", "second"],
        "recurring_runs": [],
    }  # fmt: skip


def test_a_change_is_a_second_version(
    server: Server, api: PipelinesApi, submission: Submission, tmp_path: Path
) -> None:
    submit(api, submission)
    changed = specification(tmp_path, specification_text(defaultPipelineRoot="gs://other"))
    submit(api, dataclasses.replace(submission, specification=changed))
    assert server.state.contents()["pipelines"] == [NAME]
    assert server.state.contents()["versions"] == [submission.specification.digest, changed.digest]
    run = list(server.state.runs.values())[1]
    version = server.state.versions[run["pipeline_version_reference"]["pipeline_version_id"]]
    assert version["name"] == changed.digest


def test_a_refused_run_leaves_nothing(server: Server, api: PipelinesApi, submission: Submission) -> None:
    server.state.faults.append(Fault("POST", RUNS, answer_error(500, 'serviceaccounts "runner" not found')))
    with pytest.raises(SubmissionError) as caught:
        submit(api, submission)
    assert str(caught.value) == (
        f'{server.endpoint} answered serviceaccounts "runner" not found (HTTP 500); deleted again: experiment tests, '
        f"version {submission.specification.digest} of pipeline shop, pipeline shop"
    )
    assert server.state.contents() == NOTHING


def test_what_was_there_before_stays(server: Server, api: PipelinesApi, submission: Submission, tmp_path: Path) -> None:
    submit(api, submission)
    before = server.state.contents()
    server.state.faults.append(Fault("POST", RUNS, answer_error(400, "no")))
    with pytest.raises(SubmissionError, match=r"answered no \(HTTP 400\)$"):
        submit(api, submission)
    assert server.state.contents() == before
    server.state.faults.append(Fault("POST", RUNS, answer_error(400, "no")))
    changed = specification(tmp_path, specification_text(defaultPipelineRoot="gs://other"))
    with pytest.raises(SubmissionError) as caught:
        submit(api, dataclasses.replace(submission, specification=changed))
    assert str(caught.value).endswith(f"; deleted again: version {changed.digest} of pipeline shop")
    assert server.state.contents() == before


def test_what_cannot_be_deleted_is_named(server: Server, api: PipelinesApi, submission: Submission) -> None:
    server.state.faults += [
        Fault("POST", RUNS, answer_error(400, "no")),
        Fault("DELETE", ".*/versions/.*", answer_error(403, "not yours")),
    ]
    with pytest.raises(SubmissionError) as caught:
        submit(api, submission)
    message = str(caught.value)
    assert "; deleted again: experiment tests; could not be deleted and is left: version " in message
    assert "not yours" in message
    assert "pipeline shop (" in message  # it still has a version
    assert server.state.contents()["versions"] == [submission.specification.digest]


def test_a_refused_upload_leaves_no_pipeline(server: Server, api: PipelinesApi, submission: Submission) -> None:
    wrong = dataclasses.replace(submission.specification, text=specification_text(unknownField=1))
    with pytest.raises(SubmissionError) as caught:
        submit(api, dataclasses.replace(submission, specification=wrong))
    assert "invalid v2 pipeline spec" in str(caught.value)
    assert str(caught.value).endswith("; deleted again: pipeline shop")
    assert server.state.contents() == NOTHING


def test_a_run_of_another_type_of_parameter_is_refused(
    server: Server, api: PipelinesApi, submission: Submission
) -> None:
    for parameters, reason in (({"unknown": 1}, "not required"), ({"learning_rate": "fast"}, "NUMBER_DOUBLE")):
        with pytest.raises(SubmissionError, match=reason):
            submit(api, dataclasses.replace(submission, parameters=parameters))
    assert server.state.contents() == NOTHING


@pytest.mark.parametrize("answer", [hang_up, answer_error(500, "gateway")])
@pytest.mark.parametrize("path", [RUNS, VERSIONS, "/apis/v2beta1/pipelines", "/apis/v2beta1/experiments"])
def test_created_although_the_answer_was_lost(
    path: str, answer: object, server: Server, api: PipelinesApi, submission: Submission
) -> None:
    server.state.faults.append(Fault("POST", path, answer, is_carried_out=True))  # type: ignore[arg-type]
    submitted = submit(api, submission)
    assert server.state.contents() == {
        "pipelines": [NAME], "versions": [submission.specification.digest], "experiments": ["tests"],
        "runs": ["first"], "recurring_runs": [],
    }  # fmt: skip
    assert list(server.state.runs) == [submitted.id]


def test_an_earlier_run_of_the_same_name_is_not_taken_for_a_lost_one(
    server: Server, api: PipelinesApi, submission: Submission
) -> None:
    submit(api, submission)
    server.state.faults.append(Fault("POST", RUNS, hang_up))
    with pytest.raises(SubmissionError, match="closed the connection"):
        submit(api, submission)
    assert server.state.contents()["runs"] == ["first"]


def test_created_by_a_server_that_then_stays_silent(server: Server, api: PipelinesApi, submission: Submission) -> None:
    server.state.faults.append(Fault("POST", "/apis/v2beta1/experiments", hang_up, is_carried_out=True))
    find = api.find_experiment
    calls: list[str] = []

    def find_once(name: str) -> str | None:
        calls.append(name)
        if len(calls) == 2:
            server.state.faults.append(Fault("GET", "/apis/v2beta1/experiments", hang_up))
        return find(name)

    api.find_experiment = find_once  # type: ignore[method-assign]
    with pytest.raises(SubmissionError) as caught:
        submit(api, submission)
    assert "; experiment tests may have been created all the same; deleted again: version " in str(caught.value)
    assert server.state.contents() == {**NOTHING, "experiments": ["tests"]}


def test_an_interrupt_leaves_nothing(
    server: Server, api: PipelinesApi, submission: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "create_run", interrupt)
    with pytest.raises(SubmissionError, match=r"^interrupted; deleted again: experiment tests, version "):
        submit(api, submission)
    assert server.state.contents() == NOTHING


def test_a_slow_server_leaves_nothing(server: Server, submission: Submission) -> None:
    api = PipelinesApi(Connection(server.endpoint, request_seconds=0.3), None)
    server.state.faults.append(Fault("POST", RUNS, stay_silent(1)))
    with pytest.raises(SubmissionError) as caught:
        submit(api, submission)
    assert str(caught.value).startswith(f"{server.endpoint} should answer within 0.3 seconds (`--request-timeout`)")
    assert server.state.contents() == NOTHING


def test_a_namespace_of_a_server_with_several_users(server: Server, submission: Submission) -> None:
    server.state.namespaces = {"team"}
    submit(PipelinesApi(Connection(server.endpoint), "team"), submission)
    assert [pipeline["namespace"] for pipeline in server.state.pipelines.values()] == ["team"]
    assert [experiment["namespace"] for experiment in server.state.experiments.values()] == ["team"]
    with pytest.raises(SubmissionError, match="cannot have an empty namespace in multi-user mode"):
        submit(PipelinesApi(Connection(server.endpoint), None), submission)
