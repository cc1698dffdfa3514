"""The API of Kubeflow Pipelines (v2beta1) on a loopback socket, as strict as the server of release 2.16.

It follows the server's sources: paths, status codes, the shape of errors, which fields a body may have, and what is
refused: a name that exists (409), a parameter that the pipeline does not declare or of another type (400), a run of a
version that does not exist (500, as there), a pipeline that is deleted while it has versions (400), a schedule that its
parser does not take (400). It starts no pods: `run_states` says what becomes of a run.
"""

from __future__ import annotations

import contextlib
import email.parser
import email.policy
import json
import re
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

ID = r"([^/:]+)"
CODES = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 500: 13}
"""gRPC's code of each status, which stands in the body beside the message."""
FIELDS = {
    "pipeline": {"name", "display_name", "description", "namespace"},
    "experiment": {"display_name", "description", "namespace"},
    "run": {
        "experiment_id", "display_name", "description", "pipeline_spec", "pipeline_version_reference", "runtime_config",
        "service_account",
    },
    "recurring_run": {
        "experiment_id", "display_name", "description", "pipeline_spec", "pipeline_version_reference", "runtime_config",
        "service_account", "max_concurrency", "trigger", "mode", "no_catchup", "namespace",
    },
}  # fmt: skip
FILTERED = {"name", "display_name"}
TYPES: Mapping[str, tuple[type, ...]] = {
    "STRING": (str,), "NUMBER_DOUBLE": (int, float), "NUMBER_INTEGER": (int, float), "BOOLEAN": (bool,)
}  # fmt: skip


class Refusal(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Request:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class State:
    """What the server holds, and how it should behave.

    Attributes:
        token: the only token that is accepted; None where none is needed.
        namespaces: the namespaces that the user may use; None for a server with a single user.
        page_limit: most items of a page.
        faults: by method and a pattern of the path, what happens in place of the answer, once the request was carried
            out or instead of it.
        run_states: what each request for a run sees, one after the other; the last stays.
        logs: log by node.
    """

    token: str | None = None
    namespaces: set[str] | None = None
    page_limit: int = 100
    faults: list[Fault] = field(default_factory=list)
    run_states: list[dict[str, Any]] = field(default_factory=lambda: [{"state": "RUNNING"}])
    logs: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    pipelines: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    recurring_runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    most_enabled: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def contents(self) -> dict[str, list[str]]:
        """Return the names of everything that exists."""
        return {
            "pipelines": [item["name"] for item in self.pipelines.values()],
            "versions": [item["name"] for item in self.versions.values()],
            "experiments": [item["display_name"] for item in self.experiments.values()],
            "runs": [item["display_name"] for item in self.runs.values()],
            "recurring_runs": [item["display_name"] for item in self.recurring_runs.values()],
        }


@dataclass
class Fault:
    """A fault of the server, for as many requests as `count` says.

    Attributes:
        method: HTTP method of the requests.
        path: pattern of their path.
        answer: sends what the user gets.
        is_carried_out: whether the request is carried out first.
    """

    method: str
    path: str
    answer: Callable[[Handler], None]
    is_carried_out: bool = False
    count: int = 1


def answer_error(status: int, message: str) -> Callable[[Handler], None]:
    return lambda handler: handler.send(status, {"error": message, "code": CODES[status], "message": message})


def answer_page(status: int, content_type: str, text: str) -> Callable[[Handler], None]:
    return lambda handler: handler.send_bytes(status, content_type, text.encode())


def stay_silent(seconds: float) -> Callable[[Handler], None]:
    def silent(handler: Handler) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return silent


def hang_up(handler: Handler) -> None:
    handler.close_connection = True


def redirect(address: str) -> Callable[[Handler], None]:
    def send(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", address)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return send


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one packet: two would wait for one another's acknowledgement
    disable_nagle_algorithm = True
    timeout = 5  # a connection that a client keeps open does not hold up the end of a test
    state: State

    def log_message(self, *arguments: Any) -> None:
        pass

    def send(self, status: int, content: Any) -> None:
        self.send_bytes(status, "application/json", json.dumps(content).encode())

    def send_bytes(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = "/".join(unquote(part) for part in parts.path.split("/"))
        request = Request(self.command, path, query, dict(self.headers.items()), body)
        state = self.state
        state.requests.append(request)
        fault = next((f for f in state.faults if f.method == self.command and re.fullmatch(f.path, path)), None)
        if fault is not None:
            fault.count -= 1
            if not fault.count:
                state.faults.remove(fault)
        if fault is not None and not fault.is_carried_out:
            fault.answer(self)
            return
        try:
            with state.lock:
                content = self._carry_out(request)
        except Refusal as refusal:
            answer_error(refusal.status, str(refusal))(self)
            return
        if fault is not None:
            fault.answer(self)
        elif isinstance(content, str):
            self.send_bytes(200, "text/plain", content.encode())
        else:
            self.send(200, content)

    do_GET = do_POST = do_DELETE = _answer

    def _carry_out(self, request: Request) -> Any:
        if self.state.token is not None and request.headers.get("authorization") != f"Bearer {self.state.token}":
            raise Refusal(401, "Failed to authenticate: Request header error: there is no user identity header.")
        for method, pattern, function in ROUTES:
            match = re.fullmatch(pattern, request.path)
            if match and method == request.method:
                return function(self.state, request, *match.groups())
        raise Refusal(404, "Not Found")


def _body(request: Request, kind: str) -> dict[str, Any]:
    if request.headers.get("Content-Type") != "application/json":
        raise Refusal(400, "the body should be JSON")
    body: dict[str, Any] = request.json
    unknown = body.keys() - FIELDS[kind]
    if unknown:
        raise Refusal(400, f'unknown field "{min(unknown)}"')
    return body


def _namespace(state: State, given: str | None) -> str:
    if state.namespaces is None:
        return ""  # the server of a single user replaces what it is given
    if not given:
        raise Refusal(400, "An experiment cannot have an empty namespace in multi-user mode")
    if given not in state.namespaces:
        raise Refusal(403, f"User 'me' is not authorized with reason:  (request: namespace {given})")
    return given


def _selected(state: State, request: Request, items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for predicate in json.loads(request.query.get("filter") or "{}").get("predicates", []):
        if predicate["operation"] not in (1, "EQUALS") or predicate["key"] not in FILTERED:
            raise Refusal(400, f"unrecognized predicate {predicate}")
        items = [i for i in items if i.get(predicate["key"], i.get("display_name")) == predicate["stringValue"]]
    start = int(request.query.get("page_token") or 0)
    end = start + min(int(request.query.get("page_size") or 20), state.page_limit)
    answer: dict[str, Any] = {name: items[start:end], "total_size": len(items)}
    return answer | ({"next_page_token": str(end)} if end < len(items) else {})


def _get(items: Mapping[str, dict[str, Any]], kind: str, key: str) -> dict[str, Any]:
    if key not in items:
        raise Refusal(404, f"ResourceNotFoundError: {kind} {key} not found.")
    return items[key]


def get_pipeline_by_name(state: State, request: Request, name: str) -> Any:
    namespace = _namespace(state, request.query.get("namespace"))
    for pipeline in state.pipelines.values():
        if (pipeline["name"], pipeline["namespace"]) == (name, namespace):
            return pipeline
    raise Refusal(
        404, f"Failed to get a pipeline with name {name}: ResourceNotFoundError: Namespace/Pipeline not found."
    )


def create_pipeline(state: State, request: Request) -> Any:
    body = _body(request, "pipeline")
    namespace = _namespace(state, body.get("namespace"))
    if not body.get("name"):
        raise Refusal(400, "pipeline's name cannot be empty")
    if any((p["name"], p["namespace"]) == (body["name"], namespace) for p in state.pipelines.values()):
        raise Refusal(409, f"The name {body['name']} already exist. Please specify a new name")
    pipeline = {**body, "namespace": namespace, "pipeline_id": str(uuid.uuid4())}
    state.pipelines[pipeline["pipeline_id"]] = pipeline
    return pipeline


def delete_pipeline(state: State, _: Request, pipeline_id: str) -> Any:
    _get(state.pipelines, "Pipeline", pipeline_id)
    if any(version["pipeline_id"] == pipeline_id for version in state.versions.values()):
        raise Refusal(400, "Failed to delete pipeline as it has existing pipeline versions")
    del state.pipelines[pipeline_id]
    return {}


def list_versions(state: State, request: Request, pipeline_id: str) -> Any:
    _get(state.pipelines, "Pipeline", pipeline_id)
    versions = [version for version in state.versions.values() if version["pipeline_id"] == pipeline_id]
    return _selected(state, request, versions, "pipeline_versions")


def upload_version(state: State, request: Request) -> Any:
    pipeline_id, name = request.query.get("pipelineid"), request.query.get("name")
    if pipeline_id not in state.pipelines:
        raise Refusal(400, "Failed to create a pipeline version")
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
    (part,) = message.iter_parts()
    if part.get_param("name", header="content-disposition") != "uploadfile":
        raise Refusal(400, "Failed to create a pipeline version")
    if not str(part.get_filename()).endswith((".yaml", ".yml")):
        raise Refusal(400, "Failed to create a pipeline version")
    text = part.get_payload(decode=True).decode()
    if any((v["name"], v["pipeline_id"]) == (name, pipeline_id) for v in state.versions.values()):
        raise Refusal(409, "Failed to create a pipeline version")
    version = {"pipeline_id": pipeline_id, "pipeline_version_id": str(uuid.uuid4()), "name": name, "display_name": name}
    state.versions[version["pipeline_version_id"]] = {**version, **_parsed(text), "text": text}
    return version


def _parsed(text: str) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for document in yaml.safe_load_all(text):
        kind = "platform_spec" if "platforms" in document else "pipeline_spec"
        if kind in parsed:
            raise Refusal(400, f"multiple {kind}s provided")
        message = pipeline_spec_pb2.PlatformSpec() if kind == "platform_spec" else pipeline_spec_pb2.PipelineSpec()
        try:
            json_format.ParseDict(document, message)
        except json_format.ParseError as error:
            raise Refusal(400, f"invalid v2 pipeline spec: {error}") from None
        parsed[kind] = document
    if parsed["pipeline_spec"]["schemaVersion"] != "2.1.0" or not parsed["pipeline_spec"]["pipelineInfo"]["name"]:
        raise Refusal(400, "KFP only supports schema version 2.1.0")
    return parsed


def delete_version(state: State, _: Request, pipeline_id: str, version_id: str) -> Any:
    if _get(state.versions, "PipelineVersion", version_id)["pipeline_id"] != pipeline_id:
        raise Refusal(404, "ResourceNotFoundError: PipelineVersion not found.")
    del state.versions[version_id]
    return {}


def list_experiments(state: State, request: Request) -> Any:
    namespace = _namespace(state, request.query.get("namespace"))
    found = [experiment for experiment in state.experiments.values() if experiment["namespace"] == namespace]
    return _selected(state, request, found, "experiments")


def create_experiment(state: State, request: Request) -> Any:
    body = _body(request, "experiment")
    namespace, name = _namespace(state, body.get("namespace")), body.get("display_name")
    if not name:
        raise Refusal(400, "Experiment has an empty name")
    if any((e["display_name"], e["namespace"]) == (name, namespace) for e in state.experiments.values()):
        raise Refusal(409, f"Failed to create a new experiment. The name {name} already exists")
    experiment = {**body, "namespace": namespace, "experiment_id": str(uuid.uuid4())}
    state.experiments[experiment["experiment_id"]] = experiment
    return experiment


def delete_experiment(state: State, _: Request, experiment_id: str) -> Any:
    del state.experiments[_get(state.experiments, "Experiment", experiment_id)["experiment_id"]]
    return {}


def _check_run(state: State, body: Mapping[str, Any]) -> None:
    if not body.get("display_name"):
        raise Refusal(400, "Run name is empty. Please specify a valid name")
    _get(state.experiments, "Experiment", body["experiment_id"])
    reference = body.get("pipeline_version_reference", {})
    version = state.versions.get(reference.get("pipeline_version_id"))
    if version is None or version["pipeline_id"] != reference.get("pipeline_id"):
        raise Refusal(500, "Failed to create a run due to error fetching manifest: PipelineVersion not found.")
    config = body.get("runtime_config", {})
    if config.keys() - {"parameters", "pipeline_root"}:
        raise Refusal(400, "unknown field in runtime_config")
    declared = version["pipeline_spec"]["root"].get("inputDefinitions", {}).get("parameters", {})
    for name, value in config.get("parameters", {}).items():
        if name not in declared:
            raise Refusal(400, f"parameter(s) provided are not required (or optional) by pipeline: {name}")
        if not isinstance(value, TYPES[declared[name]["parameterType"]]) or (
            isinstance(value, bool) and declared[name]["parameterType"] != "BOOLEAN"
        ):
            raise Refusal(400, f"input parameter {name} requires type {declared[name]['parameterType']}")


def create_run(state: State, request: Request) -> Any:
    body = _body(request, "run")
    _check_run(state, body)
    run = {**body, "run_id": str(uuid.uuid4()), "created_at": "2026-11-30T12:00:00Z", "state": "PENDING"}
    state.runs[run["run_id"]] = run
    return run


def list_runs(state: State, request: Request) -> Any:
    experiment = request.query.get("experiment_id")
    runs = [run for run in state.runs.values() if not experiment or run["experiment_id"] == experiment]
    return _selected(state, request, runs, "runs")


def get_run(state: State, _: Request, run_id: str) -> Any:
    run = _get(state.runs, "Run", run_id)
    current = state.run_states.pop(0) if len(state.run_states) > 1 else state.run_states[0]
    return {**run, **current}


def read_log(state: State, _: Request, run_id: str, node: str) -> Any:
    _get(state.runs, "Run", run_id)
    if node not in state.logs:
        raise Refusal(500, f'pods "{node}" not found')
    return state.logs[node]


def create_recurring_run(state: State, request: Request) -> Any:
    body = _body(request, "recurring_run")
    _check_run(state, body)
    if not 1 <= int(body.get("max_concurrency", 0)) <= 10:
        raise Refusal(400, "Max concurrency of a recurring run must be at leas 1 and at most 10.")
    cron = body["trigger"]["cron_schedule"]["cron"]
    if not cron.startswith("@") and len(cron.split()) not in (5, 6):
        raise Refusal(400, "Schedule cron is not a supported format(https://godoc.org/github.com/robfig/cron).")
    status = "ENABLED" if body.get("mode") == "ENABLE" else "DISABLED"
    run = {**body, "recurring_run_id": str(uuid.uuid4()), "status": status}
    state.recurring_runs[run["recurring_run_id"]] = run
    _count_enabled(state, run["display_name"])
    return run


def _count_enabled(state: State, name: str) -> None:
    same = [run for run in state.recurring_runs.values() if run["display_name"] == name]
    state.most_enabled = max(state.most_enabled, sum(run["status"] == "ENABLED" for run in same))


def list_recurring_runs(state: State, request: Request) -> Any:
    _namespace(state, request.query.get("namespace"))
    return _selected(state, request, list(state.recurring_runs.values()), "recurringRuns")


def set_status(status: str) -> Callable[[State, Request, str], Any]:
    def function(state: State, _: Request, recurring_run_id: str) -> Any:
        run = _get(state.recurring_runs, "Job", recurring_run_id)
        run["status"] = status
        _count_enabled(state, run["display_name"])
        return {}

    return function


def delete_recurring_run(state: State, _: Request, recurring_run_id: str) -> Any:
    del state.recurring_runs[_get(state.recurring_runs, "Job", recurring_run_id)["recurring_run_id"]]
    return {}


API = "/apis/v2beta1"
ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", rf"{API}/pipelines/names/{ID}", get_pipeline_by_name),
    ("POST", f"{API}/pipelines/upload_version", upload_version),
    ("POST", f"{API}/pipelines", create_pipeline),
    ("DELETE", f"{API}/pipelines/{ID}", delete_pipeline),
    ("GET", f"{API}/pipelines/{ID}/versions", list_versions),
    ("DELETE", f"{API}/pipelines/{ID}/versions/{ID}", delete_version),
    ("GET", f"{API}/experiments", list_experiments),
    ("POST", f"{API}/experiments", create_experiment),
    ("DELETE", f"{API}/experiments/{ID}", delete_experiment),
    ("GET", f"{API}/runs", list_runs),
    ("POST", f"{API}/runs", create_run),
    ("GET", f"{API}/runs/{ID}", get_run),
    ("GET", f"/apis/v1alpha1/runs/{ID}/nodes/{ID}/log", read_log),
    ("GET", f"{API}/recurringruns", list_recurring_runs),
    ("POST", f"{API}/recurringruns", create_recurring_run),
    ("POST", rf"{API}/recurringruns/{ID}:enable", set_status("ENABLED")),
    ("POST", rf"{API}/recurringruns/{ID}:disable", set_status("DISABLED")),
    ("DELETE", f"{API}/recurringruns/{ID}", delete_recurring_run),
]


@dataclass
class Server:
    """The running server."""

    state: State
    endpoint: str


@contextlib.contextmanager
def running(ssl_context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run a server on a free port of the loopback interface."""
    state = State()
    handler = type("BoundHandler", (Handler,), {"state": state})
    http_server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if ssl_context is not None:
        http_server.socket = ssl_context.wrap_socket(http_server.socket, server_side=True)
    thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    scheme = "http" if ssl_context is None else "https"
    try:
        yield Server(state, f"{scheme}://127.0.0.1:{http_server.server_port}")
    finally:
        http_server.shutdown()
        http_server.server_close()
        thread.join()
