"""TF Serving's REST face: `/v1/models/NAME[/versions/V|/labels/L][:predict|:classify|:regress|/metadata]`."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import re
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from aiohttp import web
from google.protobuf import json_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    input_pb2,
    model_pb2,
    regression_pb2,
)

from serving.server import inference
from serving.server.batching import Runner
from serving.server.configuration import TLS, ServerOptions
from serving.server.errors import ServerConfigurationError, ServingError, invalid
from serving.server.manager import Manager
from serving.server.metrics import PATH, ServerMetrics
from serving.server.model_service import model_status
from serving.server.servable import Servable

log = logging.getLogger("interestflow.serving")
MODEL_PATH = re.compile(
    r"^/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<method>:predict|:classify|:regress|/metadata)?$"
)
HTTP_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400, grpc.StatusCode.FAILED_PRECONDITION: 400, grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.UNAVAILABLE: 503, grpc.StatusCode.RESOURCE_EXHAUSTED: 429, grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.UNIMPLEMENTED: 501,
}  # fmt: skip
METHODS = {":predict": "Predict", ":classify": "Classify", ":regress": "Regress", "/metadata": "GetModelMetadata"}


class RestServer:
    """Answers over HTTP in a thread of its own, with the same functions as gRPC.

    Args:
        manager: of the models.
        runner: of requests.
        metrics: where requests are counted.
        options: of the server.

    Attributes:
        port: on which it listens.

    Raises:
        ServerConfigurationError: where the port cannot be used.
    """

    def __init__(self, manager: Manager, runner: Runner, metrics: ServerMetrics, options: ServerOptions) -> None:
        host, port, tls = options.host, options.rest_port or 0, options.tls
        max_bytes, limit = options.max_message_bytes, options.max_concurrent_requests
        self._manager, self._runner, self._metrics = manager, runner, metrics
        self._max_bytes = max_bytes
        self._limit = threading.BoundedSemaphore(limit)
        self._threads = ThreadPoolExecutor(max_workers=min(limit, 32), thread_name_prefix="rest")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rest", daemon=True)
        self._thread.start()
        self._runner_of_app: web.AppRunner | None = None
        started = asyncio.run_coroutine_threadsafe(self._start(host, port, tls), self._loop)
        try:
            self.port = started.result()
        except OSError as error:
            raise ServerConfigurationError(f"the REST port {host}:{port} cannot be used: {error.strerror}") from None

    def stop(self, grace: float) -> None:
        """Ends after the requests under way, or after `grace` seconds."""
        assert self._runner_of_app is not None
        asyncio.run_coroutine_threadsafe(self._runner_of_app.cleanup(), self._loop).result(grace + 5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._threads.shutdown(wait=False)

    async def _start(self, host: str, port: int, tls: TLS | None) -> int:
        app = web.Application(client_max_size=self._max_bytes)
        app.router.add_get(PATH, self._scraped)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner_of_app = web.AppRunner(app, access_log=None)
        await self._runner_of_app.setup()
        site = web.TCPSite(self._runner_of_app, host, port, ssl_context=_ssl_context(tls))
        await site.start()
        return int(self._runner_of_app.addresses[0][1])

    async def _scraped(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.text(), content_type="text/plain", charset="utf-8")

    async def _handle(self, request: web.Request) -> web.Response:
        found = MODEL_PATH.match(request.path)
        if found is None:
            return _error(400, f"Malformed request: {request.method} {request.path}")
        method = found["method"]
        expected = "POST" if method in (":predict", ":classify", ":regress") else "GET"
        if request.method != expected:
            return _error(405, f"{request.path} should be asked with {expected}, received {request.method}")
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _error(413, f"the body should have at most {self._max_bytes:,} bytes")
        if not self._limit.acquire(blocking=False):
            return _error(429, "too many requests at the same time")
        try:
            return await self._loop.run_in_executor(self._threads, self._answer, found, body)
        finally:
            self._limit.release()

    def _answer(self, found: re.Match[str], body: bytes) -> web.Response:
        spec = model_pb2.ModelSpec(name=found["name"])
        if found["version"]:
            if int(found["version"]) >= 2**63:
                return _error(400, f"the version should be below 2^63, received {found['version']}")
            spec.version.value = int(found["version"])
        elif found["label"]:
            spec.version_label = found["label"]
        method = METHODS.get(found["method"] or "", "GetModelStatus")
        try:
            with self._metrics.request(spec.name, method):
                content = self._by_method(method)(spec, body)
        except ServingError as error:
            return _error(HTTP_STATUS.get(error.code, 500), error.message)
        except Exception as error:  # one request must not end the server
            log.exception("%s over REST failed", method)
            return _error(500, f"{type(error).__name__}: {error}".splitlines()[0])
        return web.Response(text=content, content_type="application/json")

    def _by_method(self, method: str) -> Callable[[model_pb2.ModelSpec, bytes], str]:
        return {
            "Predict": self._predict, "Classify": self._classify, "Regress": self._regress,
            "GetModelMetadata": self._metadata, "GetModelStatus": self._status,
        }[method]  # fmt: skip

    def _predict(self, spec: model_pb2.ModelSpec, body: bytes) -> str:
        asked = _json(body)
        key = str(asked.get("signature_name", ""))
        with inference.servable_of(self._manager, spec) as servable:
            by_row = "instances" in asked
            if by_row == ("inputs" in asked):
                raise invalid("the body should have either `instances` or `inputs`")
            columns = _columns(asked["instances"], servable, key) if by_row else _named(asked["inputs"], servable, key)
            inputs = _arrays(columns, servable, key)
            outputs = self._runner.run(servable, key, inputs)
        shown = {name: _plain(value, is_bytes=name.endswith("_bytes")) for name, value in outputs.items()}
        if not by_row:
            return _dumped({"outputs": shown if len(shown) > 1 else next(iter(shown.values()))})
        rows = {len(value) if isinstance(value, list) else None for value in shown.values()}
        if len(rows) != 1 or None in rows:
            raise invalid("with `instances` all outputs should have one row each; ask with `inputs` instead")
        if len(shown) == 1:
            return _dumped({"predictions": next(iter(shown.values()))})
        by_instance = zip(*shown.values(), strict=True)
        return _dumped({"predictions": [dict(zip(shown, row, strict=True)) for row in by_instance]})

    def _classify(self, spec: model_pb2.ModelSpec, body: bytes) -> str:
        request = classification_pb2.ClassificationRequest(model_spec=spec, input=_input(_json(body), spec))
        result = inference.classify(self._manager, self._runner, request).result
        return _dumped({"results": [[[c.label, c.score] for c in found.classes] for found in result.classifications]})

    def _regress(self, spec: model_pb2.ModelSpec, body: bytes) -> str:
        request = regression_pb2.RegressionRequest(model_spec=spec, input=_input(_json(body), spec))
        result = inference.regress(self._manager, self._runner, request).result
        return _dumped({"results": [found.value for found in result.regressions]})

    def _metadata(self, spec: model_pb2.ModelSpec, _: bytes) -> str:
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=spec, metadata_field=[inference.SIGNATURE_DEF]
        )
        response = inference.get_model_metadata(self._manager, request)
        return json_format.MessageToJson(response, preserving_proto_field_name=True)

    def _status(self, spec: model_pb2.ModelSpec, _: bytes) -> str:
        response = model_status(self._manager, get_model_status_pb2.GetModelStatusRequest(model_spec=spec))
        return json_format.MessageToJson(
            response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )


def _json(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(content, dict):
        raise invalid("the body should be a JSON object")
    return content


def _columns(instances: Any, servable: Servable, key: str) -> dict[str, list[Any]]:
    """A list of rows to a list a tensor."""
    expected = servable.signature(key).inputs
    if not isinstance(instances, list) or not instances:
        raise invalid("`instances` should be a list with at least one row")
    if not all(isinstance(row, dict) and set(row) != {"b64"} for row in instances):
        if len(expected) != 1:
            raise invalid(f"each of `instances` should be an object with {', '.join(sorted(expected))}")
        return {next(iter(expected)): instances}
    names = set(instances[0])
    if any(set(row) != names for row in instances):
        raise invalid("all `instances` should have the same keys")
    return {name: [row[name] for row in instances] for name in sorted(names)}


def _named(inputs: Any, servable: Servable, key: str) -> dict[str, Any]:
    expected = servable.signature(key).inputs
    if isinstance(inputs, dict) and set(inputs) != {"b64"}:
        return inputs
    if len(expected) != 1:
        raise invalid(f"`inputs` should be an object with {', '.join(sorted(expected))}")
    return {next(iter(expected)): inputs}


def _arrays(columns: dict[str, Any], servable: Servable, key: str) -> dict[str, np.ndarray]:
    """Checked by the same code that checks gRPC's tensors."""
    protos = {}
    for name, info in servable.signature(key).inputs.items():
        if name not in columns:
            continue
        dtype = tf.as_dtype(info.dtype)
        try:
            if dtype == tf.string:
                value = np.array(_texts(columns[name]), object)
                if any(isinstance(each, list) for each in value.flat):
                    raise ValueError("rows of one length")
            else:
                value = np.array(columns[name])
                if value.dtype.kind not in ("iub" if dtype.is_integer or dtype.is_bool else "iufb"):
                    raise ValueError(f"numbers of {dtype.name}")
                value = value.astype(dtype.as_numpy_dtype)
        except (ValueError, TypeError, OverflowError) as error:
            raise invalid(f"`{name}` should be an array of {dtype.name}, its rows of one length: {error}") from None
        protos[name] = tf.make_tensor_proto(value, dtype, shape=value.shape)
    protos |= dict.fromkeys(columns.keys() - protos.keys())
    return servable.inputs(key, protos)


def _texts(value: Any) -> Any:
    """Text as UTF-8, and `{"b64": ...}` as the bytes that it stands for."""
    if isinstance(value, list):
        return [_texts(each) for each in value]
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and set(value) == {"b64"}:
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise ValueError("b64 that can be decoded") from None
    raise ValueError(f"text, received {value!r}")


def _input(asked: dict[str, Any], spec: model_pb2.ModelSpec) -> input_pb2.Input:
    """Examples of a body for :classify and :regress."""
    spec.signature_name = str(asked.get("signature_name", ""))
    rows = asked.get("examples")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise invalid("`examples` should be a list of objects")
    examples = [_example(row) for row in rows]
    if "context" in asked:
        if not isinstance(asked["context"], dict):
            raise invalid("`context` should be an object")
        joined = input_pb2.ExampleListWithContext(examples=examples, context=_example(asked["context"]))
        return input_pb2.Input(example_list_with_context=joined)
    return input_pb2.Input(example_list=input_pb2.ExampleList(examples=examples))


def _example(row: dict[str, Any]) -> tf.train.Example:
    example = tf.train.Example()
    for name, value in row.items():
        values = value if isinstance(value, list) else [value]
        feature = example.features.feature[name]
        try:
            if all(isinstance(each, bool | int) for each in values):
                feature.int64_list.value.extend(values)
            elif all(isinstance(each, int | float) for each in values):
                feature.float_list.value.extend(values)
            else:
                feature.bytes_list.value.extend(_texts(values))
        except (ValueError, TypeError) as error:
            raise invalid(f"`{name}` should be numbers or texts: {error}") from None
    return example


def _plain(value: np.ndarray, is_bytes: bool) -> Any:
    if value.dtype.kind != "O":
        return value.tolist()
    return _decoded(value.tolist(), is_bytes)


def _decoded(value: Any, is_bytes: bool) -> Any:
    if isinstance(value, list):
        return [_decoded(each, is_bytes) for each in value]
    if is_bytes:
        return {"b64": base64.b64encode(value).decode()}
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode()}


def _dumped(content: Any) -> str:
    """Numbers that JSON has no sign for are written as TF Serving does: NaN, Infinity."""
    return json.dumps(content, ensure_ascii=False, allow_nan=True, indent=None)


def _error(status: int, message: str) -> web.Response:
    return web.Response(status=status, text=json.dumps({"error": message}), content_type="application/json")


def _ssl_context(tls: TLS | None) -> ssl.SSLContext | None:
    if tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.certificate, tls.key)
    if tls.client_authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(tls.client_authority)
    return context
