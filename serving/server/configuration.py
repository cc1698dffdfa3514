"""Options of the server, and TensorFlow Serving's own configuration files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from google.protobuf.message import Message
from tensorflow_serving.config import model_server_config_pb2

from interestflow.serving.server.errors import ServerConfigurationError

MODEL_PLATFORM = "tensorflow"
METRICS_PATH = "/monitoring/prometheus/metrics"
"""Path of the metrics in TensorFlow Serving's own monitoring configuration."""
AllowReload = Literal["never", "with-certificate", "anyone"]


@dataclass(frozen=True)
class Batching:
    """TensorFlow Serving's `batching_parameters.txt`, with its defaults.

    Attributes:
        max_batch_size: most rows in a batch.
        batch_timeout_micros: longest time that a batch waits for more requests, in microseconds.
        max_enqueued_batches: batches that may wait for a thread; requests beyond them are rejected.
        num_batch_threads: batches that run at the same time.
        allowed_batch_sizes: ascending sizes that end in `max_batch_size`; a batch is padded to the next of them.
        pad_variable_length_inputs: whether requests whose other axes differ are joined, padded with each tensor's
            first value.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = 4
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False


@dataclass(frozen=True)
class TLS:
    """Paths of PEM files. With `client_authority`, clients must show a certificate that it signed."""

    certificate: str
    key: str
    client_authority: str | None = None


@dataclass(frozen=True)
class ServerOptions:
    """Settings of a server.

    Models:
        models: the models to serve, as TensorFlow Serving's `models.config` has them.
        models_path: the file that `models` was read from; None where there is none.
        models_poll_seconds: seconds between checks of `models_path` for changes; 0 reads it once.
        poll_seconds: seconds between checks for new versions; 0 checks once.
        load_retries: number of retries after loading a version failed. Meanwhile the version is LOADING and
            nothing else of its model is loaded. TensorFlow Serving's default is 5; a local server has 0, so that an
            error shows at once.
        load_retry_seconds: seconds between two attempts to load a version.
        allow_labels_for_unavailable_versions: whether a new label may name a version that is not loaded. An existing
            label moves only to loaded versions in any case. TensorFlow Serving's default is no; the flags that this
            project renders for it say yes.
        allow_reload: who may send HandleReloadConfigRequest: nobody, clients with a certificate that
            `tls.client_authority` signed, or anyone.

    Network:
        host, port: address of gRPC; port 0 takes a free one.
        rest_port: port of REST and metrics; 0 takes a free one, None serves neither.
        tls: certificates; None serves in plain text.
        cors: whether REST lets pages of other origins ask.
        rest_timeout_seconds: longest time that a REST request may run before it is answered 504; 0 for no limit.
        metrics_path: path of the metrics on the REST port; None serves none.
        health_service: whether gRPC's standard health service is there.

    Limits:
        max_message_bytes: size of the largest request accepted.
        max_candidates: size of any axis of a request's tensors that the signature leaves open, and rows times
            candidates for models that describe their candidates.
        max_expanded_bytes: memory of a request's tensors together, once repeated values are written out.
        grpc_max_threads: threads of gRPC. As in TensorFlow Serving, one of them accepts calls, and calls beyond the
            others get RESOURCE_EXHAUSTED.
        grpc_request_seconds: longest time for a client to send the message of a gRPC call.
        max_concurrent_requests: REST requests in flight before new ones are rejected.
        max_http_connections: most open HTTP connections; None leaves half of the process's file descriptors to gRPC.
            A further one takes the place of the one that has kept the server waiting longest, and is rejected where
            all are being answered.
        http_header_seconds: longest time for a client to send the headers of a request.
        http_body_seconds: longest time for a client to send a body, and to read an answer.
        http_idle_seconds: longest time that a connection stays open between two requests.
        drain_seconds: longest time that running requests have to end when the server stops.

    Answers:
        batching: parameters of batching; None runs each request on its own.
        serialize_as_tensor_content: whether tensors in answers are bytes rather than values.
        check_method_name: whether Classify and Regress refuse signatures of other methods.
    """

    models: model_server_config_pb2.ModelServerConfig
    host: str = "127.0.0.1"
    port: int = 0
    rest_port: int | None = None
    batching: Batching | None = None
    poll_seconds: float = 1.0
    max_message_bytes: int = 64 * 2**20
    max_candidates: int = 10_000
    max_expanded_bytes: int = 64 * 2**20
    max_concurrent_requests: int = 256
    grpc_max_threads: int = 64
    grpc_request_seconds: float = 30.0
    tls: TLS | None = None
    drain_seconds: float = 30.0
    models_path: str | None = None
    models_poll_seconds: float = 0.0
    load_retries: int = 0
    load_retry_seconds: float = 60.0
    allow_labels_for_unavailable_versions: bool = True
    allow_reload: AllowReload = "never"
    cors: bool = False
    rest_timeout_seconds: float = 30.0
    health_service: bool = True
    max_http_connections: int | None = None
    http_header_seconds: float = 10.0
    http_body_seconds: float = 30.0
    http_idle_seconds: float = 60.0
    metrics_path: str | None = METRICS_PATH
    serialize_as_tensor_content: bool = False
    check_method_name: bool = False


def one_model(name: str, base_path: str) -> model_server_config_pb2.ModelServerConfig:
    """Return the configuration that serves the newest version below `base_path`, an absolute path or a URI."""
    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.config.add(name=name, base_path=base_path, model_platform=MODEL_PLATFORM)
    return config


def read_models(path: str | Path) -> model_server_config_pb2.ModelServerConfig:
    """Read `models.config`.

    Raises:
        ServerConfigurationError: naming the file and what is wrong in it.
    """
    config = _parse_file(path, model_server_config_pb2.ModelServerConfig())
    problem = find_problem(config)
    if problem is not None:
        raise ServerConfigurationError(f"{path}: {problem}")
    return config


def find_problem(config: model_server_config_pb2.ModelServerConfig) -> str | None:
    """Return in a sentence why a configuration of models cannot be served; None where it can.

    Whatever TensorFlow Serving refuses is refused, and so is a model without a name, which it would serve to nobody.
    """
    if config.WhichOneof("config") != "model_config_list":
        return "`model_config_list` should be given; custom configurations are not supported"
    names: set[str] = set()
    for model in config.model_config_list.config:
        if not model.name:
            return f"every model should have a `name`, received none for the model in {model.base_path!r}"
        if model.name in names:
            return f"`name` should be given once, received {model.name!r} twice"
        if not (model.base_path.startswith("/") or "://" in model.base_path):
            return f"`base_path` of {model.name} should be an absolute path or a URI, received {model.base_path!r}"
        if model.model_platform != MODEL_PLATFORM and model.model_type != model_server_config_pb2.TENSORFLOW:
            return f"`model_platform` of {model.name} should be {MODEL_PLATFORM!r}, received {model.model_platform!r}"
        names.add(model.name)
    return None


def read_batching(path: str | Path) -> Batching:
    """Read `batching_parameters.txt`.

    Raises:
        ServerConfigurationError: naming the file and what is wrong in it.
    """
    message: Any = _parse_file(path, _batching_message())
    given: dict[str, Any] = {
        field.name: getattr(message, field.name).value
        for field, _ in message.ListFields()
        if field.message_type is not None
    }
    given["allowed_batch_sizes"] = tuple(message.allowed_batch_sizes)
    given["pad_variable_length_inputs"] = message.pad_variable_length_inputs
    given.pop("thread_pool_name", None)
    batching = Batching(**given)
    for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
        if getattr(batching, name) < 1:
            raise ServerConfigurationError(f"{path}: `{name}` should be at least 1, received {getattr(batching, name)}")
    sizes = batching.allowed_batch_sizes
    if sizes and (list(sizes) != sorted(set(sizes)) or sizes[-1] != batching.max_batch_size):
        raise ServerConfigurationError(
            f"{path}: `allowed_batch_sizes` should rise and end in `max_batch_size`, {batching.max_batch_size}, "
            f"received {', '.join(map(str, sizes))}"
        )
    return batching


def _parse_file(path: str | Path, message: Message) -> Any:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ServerConfigurationError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        raise ServerConfigurationError(f"{path}, line {error.GetLine()}: {error}") from None


def _batching_message() -> Message:
    """Return TensorFlow Serving's message BatchingParameters, which its Python package leaves out."""
    int64, text = wrappers_pb2.Int64Value.DESCRIPTOR.full_name, wrappers_pb2.StringValue.DESCRIPTOR.full_name
    fields = {
        "max_batch_size": (1, int64), "batch_timeout_micros": (2, int64), "max_enqueued_batches": (3, int64),
        "num_batch_threads": (4, int64), "thread_pool_name": (5, text),
    }  # fmt: skip
    name = "interestflow.serving.BatchingParameters"
    pool = descriptor_pool.Default()
    try:
        descriptor = pool.FindMessageTypeByName(name)
    except KeyError:
        file = descriptor_pb2.FileDescriptorProto(
            name="interestflow/batching_parameters.proto",
            package="interestflow.serving",
            syntax="proto3",
            dependency=["google/protobuf/wrappers.proto"],
        )
        message = file.message_type.add(name="BatchingParameters")
        field = descriptor_pb2.FieldDescriptorProto
        for key, (field_number, kind) in fields.items():
            message.field.add(
                name=key, number=field_number, type=field.TYPE_MESSAGE, type_name=f".{kind}", label=field.LABEL_OPTIONAL
            )
        message.field.add(name="allowed_batch_sizes", number=6, type=field.TYPE_INT64, label=field.LABEL_REPEATED)
        message.field.add(name="pad_variable_length_inputs", number=7, type=field.TYPE_BOOL, label=field.LABEL_OPTIONAL)
        pool.Add(file)
        descriptor = pool.FindMessageTypeByName(name)
    return message_factory.GetMessageClass(descriptor)()
