"""The server's options, and the text files in which TF Serving keeps its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from tensorflow_serving.config import model_server_config_pb2

from serving.server.errors import ServerConfigurationError

MODEL_PLATFORM = "tensorflow"


@dataclass(frozen=True)
class Batching:
    """TF Serving's `batching_parameters.txt`; where a number is None its default there is used.

    max_batch_size: rows joined at most.
    batch_timeout_micros: how long a batch waits for more.
    max_enqueued_batches: that wait for a thread; requests beyond them are refused.
    num_batch_threads: that run batches at the same time.
    allowed_batch_sizes: rising, ends in `max_batch_size`; a batch is filled up to the next of them.
    pad_variable_length_inputs: requests whose other axes differ are joined, filled up with each tensor's first value.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = 4
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False


@dataclass(frozen=True)
class TLS:
    """PEM files. With `client_authority`, clients must show a certificate that it signed."""

    certificate: str
    key: str
    client_authority: str | None = None


@dataclass(frozen=True)
class ServerOptions:
    """How to serve.

    models: which, as TF Serving's `models.config` says.
    host, port: of gRPC; port 0 takes a free one.
    rest_port: of the REST face; 0 takes a free one, None serves none.
    batching: None runs each request by itself.
    poll_seconds: between looks for new versions; 0 looks once.
    max_message_bytes: that a request may have.
    max_concurrent_requests: answered at the same time; further ones get RESOURCE_EXHAUSTED.
    threads: that answer gRPC requests.
    tls: None serves in plain text.
    drain_seconds: that requests under way are given when the server stops or a version is unloaded.
    """

    models: model_server_config_pb2.ModelServerConfig
    host: str = "127.0.0.1"
    port: int = 0
    rest_port: int | None = None
    batching: Batching | None = None
    poll_seconds: float = 1.0
    max_message_bytes: int = 64 * 2**20
    max_concurrent_requests: int = 256
    threads: int = 16
    tls: TLS | None = None
    drain_seconds: float = 30.0


def one_model(name: str, base_path: str) -> model_server_config_pb2.ModelServerConfig:
    """The configuration that serves the newest version below `base_path`."""
    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.config.add(name=name, base_path=base_path, model_platform=MODEL_PLATFORM)
    return config


def read_models(path: str | Path) -> model_server_config_pb2.ModelServerConfig:
    """Reads `models.config`.

    Raises:
        ServerConfigurationError: naming the file and what is wrong in it.
    """
    config = _parsed(path, model_server_config_pb2.ModelServerConfig())
    problem = problem_of(config)
    if problem is not None:
        raise ServerConfigurationError(f"{path}: {problem}")
    return config


def problem_of(config: model_server_config_pb2.ModelServerConfig) -> str | None:
    """What a configuration of models cannot be served for, in a sentence; None where there is nothing."""
    if config.WhichOneof("config") != "model_config_list":
        return "`model_config_list` should be given; custom configurations are not supported"
    names: set[str] = set()
    for model in config.model_config_list.config:
        if not model.name or not model.base_path:
            return f"every model should have `name` and `base_path`, received {model.name!r} and {model.base_path!r}"
        if model.name in names:
            return f"`name` should be given once, received {model.name!r} twice"
        if model.model_platform not in ("", MODEL_PLATFORM):
            return f"`model_platform` of {model.name} should be {MODEL_PLATFORM!r}, received {model.model_platform!r}"
        names.add(model.name)
    return None


def read_batching(path: str | Path) -> Batching:
    """Reads `batching_parameters.txt`.

    Raises:
        ServerConfigurationError: naming the file and what is wrong in it.
    """
    message: Any = _parsed(path, _batching_message())
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


def _parsed(path: str | Path, message: Any) -> Any:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ServerConfigurationError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        raise ServerConfigurationError(f"{path}, line {error.GetLine()}: {error}") from None


def _batching_message() -> Any:
    """TF Serving's message BatchingParameters, which its Python package leaves out."""
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
        for key, (number, kind) in fields.items():
            message.field.add(
                name=key, number=number, type=field.TYPE_MESSAGE, type_name=f".{kind}", label=field.LABEL_OPTIONAL
            )
        message.field.add(name="allowed_batch_sizes", number=6, type=field.TYPE_INT64, label=field.LABEL_REPEATED)
        message.field.add(name="pad_variable_length_inputs", number=7, type=field.TYPE_BOOL, label=field.LABEL_OPTIONAL)
        pool.Add(file)
        descriptor = pool.FindMessageTypeByName(name)
    return message_factory.GetMessageClass(descriptor)()
