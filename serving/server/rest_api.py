"""TensorFlow Serving's REST API, on top of the functions that answer gRPC."""

from __future__ import annotations

import json
import logging
import math
import re
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

import grpc
from google.protobuf import json_format
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_status_pb2,
    input_pb2,
    model_pb2,
    regression_pb2,
)

from interestflow.serving.server import inference
from interestflow.serving.server.batching import Runner
from interestflow.serving.server.configuration import ServerOptions
from interestflow.serving.server.errors import ServingError, invalid
from interestflow.serving.server.manager import Manager
from interestflow.serving.server.metrics import ServerMetrics
from interestflow.serving.server.model_service import model_status
from interestflow.serving.server.rest_examples import read_input, write_classifications, write_regressions
from interestflow.serving.server.rest_json import encode_text, format_error, parse_object
from interestflow.serving.server.rest_tensors import read_inputs, write_outputs
from interestflow.serving.server.servable import DEFAULT_SIGNATURE, Servable

log = logging.getLogger("interestflow.serving")
_MODEL = r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?"
PREDICTION_PATH = re.compile(rf"{_MODEL}:(classify|regress|predict)", re.ASCII | re.IGNORECASE)
STATUS_PATH = re.compile(
    r"/v1/models(?:/([^/:]+))?(?:/versions/(\d+)|/labels/([^/:]+))?(?:/(metadata))?", re.ASCII | re.IGNORECASE
)
API_PATH = re.compile(r"/v1/.*", re.IGNORECASE)
T = TypeVar("T")
LARGE_BODY_BYTES = 2**20
"""Size from which bodies are converted one after the other."""
TIMED_OUT = "Timed out waiting for notification"
TOO_MANY_BODIES = "too many bodies are being received or answered"
JSON = "application/json"
TEXT = "text/plain"
HTTP_STATUS = {
    grpc.StatusCode.CANCELLED: 499, grpc.StatusCode.INVALID_ARGUMENT: 400, grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404, grpc.StatusCode.ALREADY_EXISTS: 409, grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429, grpc.StatusCode.FAILED_PRECONDITION: 400, grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400, grpc.StatusCode.UNIMPLEMENTED: 501, grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}  # fmt: skip
CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}
NOT_FOUND_PAGE = b"<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n<H1>Not Found</H1>\n</BODY></HTML>\n"


@dataclass(frozen=True)
class Answer:
    """An answer over HTTP."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def error_answer(status: int, message: str) -> Answer:
    """Return an answer that says in JSON what is wrong; what is not UTF-8 in the message is replaced."""
    text = json.dumps({"error": message}, ensure_ascii=False, indent=4)
    return Answer(status, text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode())


@dataclass(frozen=True)
class Request:
    """A request over HTTP.

    Attributes:
        method: HTTP method, in capitals.
        path: path and query as they were sent.
        body: the body as it was sent.
        gzipped: whether the body is compressed.
        origin: the header Origin, by which browsers name the page that asks.
        deadline: time of `time.monotonic` after which nobody waits for the answer.
        reserve: reserves bytes of memory for the decompressed body; returns False where there are too few.
    """

    method: str
    path: str
    body: bytes | bytearray = b""
    gzipped: bool = False
    origin: str = ""
    deadline: float = math.inf
    reserve: Callable[[int], bool] = lambda _: True


class RestApi:
    """The REST API. Several threads may call `answer` at the same time.

    Args:
        manager: manager of the models.
        runner: runner of signatures.
        metrics: metrics that count the requests.
        options: options of the server.
    """

    def __init__(self, manager: Manager, runner: Runner, metrics: ServerMetrics, options: ServerOptions) -> None:
        """Store what every request needs."""
        self._manager, self._runner, self._metrics, self._options = manager, runner, metrics, options
        self._headers = CORS_HEADERS if options.cors else {}
        self._metrics_path = options.metrics_path
        self._large_body = threading.Lock()

    def has_path(self, path: str) -> bool:
        """Return whether the API or the metrics have `path`; other paths are 404, regardless of the body."""
        return API_PATH.fullmatch(path) is not None or path == "/v1/models" or self._is_metrics(path)

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request; errors are answers too."""
        if self._is_metrics(request.path):
            return self._answer_metrics(request.path)
        if not self.has_path(request.path):
            return Answer(404, NOT_FOUND_PAGE, "text/html")
        if request.method == "OPTIONS":
            allowed = re.match("https?://", request.origin)
            return Answer(200 if allowed else 400, b"", "text/html; charset=ISO-8859-1", self._headers)
        try:
            answer = Answer(200, self._call(request))
        except ServingError as error:
            answer = error_answer(HTTP_STATUS.get(error.code, 500), error.message)
        except Exception:
            log.exception("a REST request failed")
            answer = error_answer(500, "the request failed; the server's log says why")
        return Answer(answer.status, answer.body, answer.content_type, self._headers)

    def timed_out(self) -> Answer:
        """Return the answer to a request that takes too long."""
        answer = error_answer(504, TIMED_OUT)
        return Answer(answer.status, answer.body, answer.content_type, self._headers)

    def _is_metrics(self, path: str) -> bool:
        return self._metrics_path is not None and path.partition("?")[0] == self._metrics_path

    def _answer_metrics(self, path: str) -> Answer:
        if path != self._metrics_path:
            return Answer(400, f"Unexpected path: {path}. Should be {self._metrics_path}".encode(), TEXT)
        return Answer(200, self._metrics.text(), TEXT)

    def _call(self, request: Request) -> bytes:
        pattern = {"POST": PREDICTION_PATH, "GET": STATUS_PATH}.get(request.method)
        match = None if pattern is None else pattern.fullmatch(request.path)
        if match is None:
            raise invalid(f"Malformed request: {request.method} {request.path}")
        spec = _read_spec(match[1], match[2], match[3])
        if request.method == "GET":
            if not spec.name:
                raise invalid("Missing model name in request.")
            name, call = ("GetModelMetadata", self._metadata) if match[4] else ("GetModelStatus", self._status)
            with self._metrics.request(spec.name, name):
                return call(spec)
        calls = {"predict": ("Predict", self._predict), "classify": ("Classify", self._classify),
                 "regress": ("Regress", self._regress)}  # fmt: skip
        if match[4] not in calls:  # as in TensorFlow Serving, the pattern lets capitals pass
            raise invalid(f"Malformed request: {request.method} {request.path}")
        name, process = calls[match[4]]
        with self._metrics.request(spec.name, name):
            _check_deadline(request)
            content = process(spec, request)
            _check_deadline(request)
            return content

    def _convert(self, spec: model_pb2.ModelSpec, request: Request, convert: Callable[[dict[str, Any]], T]) -> T:
        """Return the parsed body as `convert` converts it, and set the body's signature name in `spec`.

        Large bodies are converted one after the other. Each takes hundreds of megabytes for a moment, and Python
        converts one at a time anyway.
        """
        is_large = request.gzipped or len(request.body) > LARGE_BODY_BYTES
        with self._large_body if is_large else nullcontext():
            content = parse_object(self._decompress(request) if request.gzipped else request.body)
            name = content.get("signature_name", "")
            if not isinstance(name, str):
                raise format_error(content, "not formatted correctly. 'signature_name' key must be a string value.")
            spec.signature_name = encode_text(name).decode("utf-8", "replace")
            return convert(content)

    def _decompress(self, request: Request) -> bytes:
        max_bytes = self._options.max_message_bytes
        decompressor = zlib.decompressobj(wbits=31)
        try:
            content = decompressor.decompress(request.body, max_bytes + 1)
        except zlib.error:
            raise invalid("the body should be gzip, as Content-Encoding says; it cannot be decompressed") from None
        if len(content) > max_bytes:
            raise invalid(f"the body should have at most {max_bytes:,} bytes once decompressed")
        if not decompressor.eof:
            raise invalid("the body should be gzip, as Content-Encoding says; its end is missing")
        if not request.reserve(len(content)):
            raise ServingError(grpc.StatusCode.RESOURCE_EXHAUSTED, TOO_MANY_BODIES)
        return content

    def _predict(self, spec: model_pb2.ModelSpec, request: Request) -> bytes:
        with ExitStack() as stack:

            def read(body: dict[str, Any]) -> tuple[Servable, dict[str, tensor_pb2.TensorProto], bool]:
                servable = stack.enter_context(inference.use_servable(self._manager, spec))
                return servable, *read_inputs(
                    body, _signature_inputs(servable, spec.signature_name), self._options.max_candidates
                )

            servable, tensors, by_row = self._convert(spec, request, read)
            outputs = inference.run_signature(
                servable, self._runner, spec.signature_name, tensors, observe_missing=self._metrics.missing_feature
            )
        del tensors
        return write_outputs(outputs, by_row)

    def _classify(self, spec: model_pb2.ModelSpec, request: Request) -> bytes:
        examples = self._convert(spec, request, self._read_examples)
        converted = classification_pb2.ClassificationRequest(model_spec=spec, input=examples)
        check = self._options.check_method_name
        return write_classifications(inference.classify(self._manager, self._runner, converted, check).result)

    def _regress(self, spec: model_pb2.ModelSpec, request: Request) -> bytes:
        examples = self._convert(spec, request, self._read_examples)
        converted = regression_pb2.RegressionRequest(model_spec=spec, input=examples)
        check = self._options.check_method_name
        return write_regressions(inference.regress(self._manager, self._runner, converted, check).result)

    def _read_examples(self, body: dict[str, Any]) -> input_pb2.Input:
        return read_input(body, self._options.max_candidates)

    def _status(self, spec: model_pb2.ModelSpec) -> bytes:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
        return _write_message(model_status(self._manager, request)).encode()

    def _metadata(self, spec: model_pb2.ModelSpec) -> bytes:
        answered_spec = model_pb2.ModelSpec()
        signatures = inference.read_signatures(self._manager, spec, answered_spec)
        spec_text, signatures_text = _write_message(answered_spec), _write_message(signatures)
        return f'{{"model_spec": {spec_text}, "metadata": {{"signature_def": {signatures_text}}}}}'.encode()


def _check_deadline(request: Request) -> None:
    if time.monotonic() >= request.deadline:
        raise ServingError(grpc.StatusCode.DEADLINE_EXCEEDED, TIMED_OUT)


def _signature_inputs(servable: Servable, name: str) -> Mapping[str, Any]:
    """Return TensorInfo of each input of a signature."""
    key = name or DEFAULT_SIGNATURE
    if key not in servable.signatures:
        raise invalid(f'Serving signature name: "{key}" not found in signature def')
    inputs: Mapping[str, Any] = servable.signatures[key].inputs
    if not inputs:
        raise invalid(f"Failed to get input map for signature: {name or 'DEFAULT'}")
    return inputs


def _read_spec(name: str | None, version: str | None, label: str | None) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=_unquote(name or ""))
    if version:
        digits = version.lstrip("0") or "0"
        if len(digits) > 19 or int(digits) >= 2**63:
            raise invalid(f"Failed to convert version: {version} to numeric.")
        spec.version.value = int(digits)
    if label:
        spec.version_label = _unquote(label)
    return spec


def _unquote(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "replace")


def _write_message(message: Any) -> str:
    return json_format.MessageToJson(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=1
    )
