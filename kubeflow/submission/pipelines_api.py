"""The part of the API of Kubeflow Pipelines (v2beta1) that a submission uses."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kfp_server_api as api

from interestflow.kubeflow.submission.connection import NOT_FOUND, Connection
from interestflow.kubeflow.submission.errors import ServerError
from interestflow.kubeflow.submission.schedule import Schedule

UPLOADED_FILE = "pipeline.yaml"
"""The server chooses its parser by the ending, and reads every document of a YAML file."""


@dataclass(frozen=True)
class Version:
    """Uploaded version of a pipeline, by the ids of both."""

    pipeline_id: str
    version_id: str


@dataclass(frozen=True)
class RunRequest:
    """A run to create, or the runs of a recurring run.

    Attributes:
        name: name of the run, or of the recurring run.
        version: the pipeline's version.
        pipeline_root: URL below which the artifacts lie.
        parameters: values by name.
        service_account: Kubernetes service account of the steps' pods; None for the server's default.
    """

    name: str
    version: Version
    pipeline_root: str
    parameters: Mapping[str, Any]
    service_account: str | None


class PipelinesApi:
    """Pipelines, versions, experiments, runs and recurring runs of one namespace."""

    def __init__(self, connection: Connection, namespace: str | None) -> None:
        """Prepare the services; nothing is sent.

        Args:
            connection: the connection to the server.
            namespace: namespace of everything that is found or created; None where the server has a single user.
        """
        self._call = connection.call
        self._namespace = {} if namespace is None else {"namespace": namespace}
        self._client = client = connection.client
        self._pipelines = api.PipelineServiceApi(client)
        self._uploads = api.PipelineUploadServiceApi(client)
        self._experiments = api.ExperimentServiceApi(client)
        self._runs = api.RunServiceApi(client)
        self._recurring_runs = api.RecurringRunServiceApi(client)

    def find_pipeline(self, name: str) -> str | None:
        """Return the id of a pipeline; None where there is none of that name."""
        try:
            pipeline = self._call(self._pipelines.pipeline_service_get_pipeline_by_name, name, **self._namespace)
        except ServerError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return pipeline.pipeline_id

    def create_pipeline(self, name: str) -> str:
        """Create a pipeline without versions and return its id."""
        body = api.V2beta1Pipeline(name=name, display_name=name, **self._namespace)
        return self._call(self._pipelines.pipeline_service_create_pipeline, body).pipeline_id

    def delete_pipeline(self, pipeline_id: str) -> None:
        """Delete a pipeline that has no versions."""
        self._call(self._pipelines.pipeline_service_delete_pipeline, pipeline_id)

    def find_version(self, pipeline_id: str, name: str) -> str | None:
        """Return the id of a pipeline's version; None where there is none of that name."""
        options = {"filter": _equals("name", name)}
        answer = self._call(self._pipelines.pipeline_service_list_pipeline_versions, pipeline_id, **options)
        return next((version.pipeline_version_id for version in answer.pipeline_versions or ()), None)

    def upload_version(self, pipeline_id: str, name: str, text: str) -> str:
        """Upload a specification with its platform document as a version and return the version's id."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / UPLOADED_FILE
            file.write_text(text, encoding="utf-8")
            options = {"name": name, "pipelineid": pipeline_id}
            return self._call(self._uploads.upload_pipeline_version, str(file), **options).pipeline_version_id

    def delete_version(self, version: Version) -> None:
        """Delete a version."""
        function = self._pipelines.pipeline_service_delete_pipeline_version
        self._call(function, version.pipeline_id, version.version_id)

    def find_experiment(self, name: str) -> str | None:
        """Return the id of an experiment; None where there is none of that name."""
        options = {"filter": _equals("display_name", name), **self._namespace}
        answer = self._call(self._experiments.experiment_service_list_experiments, **options)
        return next((experiment.experiment_id for experiment in answer.experiments or ()), None)

    def create_experiment(self, name: str) -> str:
        """Create an experiment and return its id."""
        body = api.V2beta1Experiment(display_name=name, **self._namespace)
        return self._call(self._experiments.experiment_service_create_experiment, body).experiment_id

    def delete_experiment(self, experiment_id: str) -> None:
        """Delete an experiment."""
        self._call(self._experiments.experiment_service_delete_experiment, experiment_id)

    def create_run(self, experiment_id: str, request: RunRequest) -> str:
        """Start a run and return its id."""
        body = api.V2beta1Run(experiment_id=experiment_id, **_run_fields(request))
        return self._call(self._runs.run_service_create_run, body).run_id

    def find_runs(self, experiment_id: str, request: RunRequest) -> list[str]:
        """Return the ids of the experiment's runs that have the name and the version of a request."""
        runs = self._pages(
            self._runs.run_service_list_runs,
            "runs",
            experiment_id=experiment_id,
            filter=_equals("display_name", request.name),
        )
        return [run.run_id for run in runs if _version_id(run) == request.version.version_id]

    def get_run(self, run_id: str) -> api.V2beta1Run:
        """Return a run with the state of its tasks."""
        return self._call(self._runs.run_service_get_run, run_id)

    def read_log(self, run_id: str, node: str) -> str:
        """Return the log of one pod of a run, while the cluster has the pod or its archived log."""
        arguments = ("/apis/v1alpha1/runs/{run_id}/nodes/{node_id}/log", "GET", {"run_id": run_id, "node_id": node})
        options = {"response_type": "object", "auth_settings": ["Bearer"], "_return_http_data_only": True}
        return str(self._call(self._client.call_api, *arguments, content="text/plain", **options))

    def create_recurring_run(
        self, experiment_id: str, request: RunRequest, schedule: Schedule, *, is_enabled: bool
    ) -> str:
        """Create a recurring run and return its id."""
        body = api.V2beta1RecurringRun(
            experiment_id=experiment_id,
            mode=api.RecurringRunMode.ENABLE if is_enabled else api.RecurringRunMode.DISABLE,
            trigger=api.V2beta1Trigger(cron_schedule=api.V2beta1CronSchedule(cron=schedule.cron)),
            no_catchup=schedule.no_catchup,
            max_concurrency=1,  # two runs at once would push over each other
            **_run_fields(request),
        )
        function = self._recurring_runs.recurring_run_service_create_recurring_run
        return self._call(function, body).recurring_run_id

    def find_recurring_runs(self, name: str) -> list[api.V2beta1RecurringRun]:
        """Return the recurring runs of that name in every experiment of the namespace."""
        function = self._recurring_runs.recurring_run_service_list_recurring_runs
        return self._pages(function, "recurring_runs", filter=_equals("display_name", name), **self._namespace)

    def enable_recurring_run(self, recurring_run_id: str) -> None:
        """Let a recurring run start runs."""
        self._call(self._recurring_runs.recurring_run_service_enable_recurring_run, recurring_run_id)

    def disable_recurring_run(self, recurring_run_id: str) -> None:
        """Keep a recurring run from starting runs."""
        self._call(self._recurring_runs.recurring_run_service_disable_recurring_run, recurring_run_id)

    def delete_recurring_run(self, recurring_run_id: str) -> None:
        """Delete a recurring run; the runs that it started stay."""
        self._call(self._recurring_runs.recurring_run_service_delete_recurring_run, recurring_run_id)

    def _pages(self, function: Callable[..., Any], field: str, **options: Any) -> list[Any]:
        items: list[Any] = []
        token = ""
        while True:
            answer = self._call(function, page_token=token, page_size=100, **options)
            items.extend(getattr(answer, field) or ())
            token = answer.next_page_token or ""
            if not token:
                return items


def _equals(key: str, value: str) -> str:
    """Return the API's filter for one value of a field."""
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": key, "stringValue": value}]})


def _run_fields(request: RunRequest) -> dict[str, Any]:
    """Return what runs and recurring runs have in common.

    The version is referred to, never copied into the run: only so the platform document arrives with it and the
    caching options stay as they were compiled.
    """
    version = request.version
    return {
        "display_name": request.name,
        "pipeline_version_reference": api.V2beta1PipelineVersionReference(
            pipeline_id=version.pipeline_id, pipeline_version_id=version.version_id
        ),
        "runtime_config": api.V2beta1RuntimeConfig(
            pipeline_root=request.pipeline_root, parameters=dict(request.parameters)
        ),
        "service_account": request.service_account,
    }


def _version_id(run: api.V2beta1Run) -> str | None:
    reference = run.pipeline_version_reference
    return None if reference is None else reference.pipeline_version_id
