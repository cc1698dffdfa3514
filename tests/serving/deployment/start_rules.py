"""Rules by which TensorFlow Serving starts or fails with given flags and files, as recorded in `starts.json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.config import model_server_config_pb2

FLAGS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(
        ("port", "rest_api_port", "grpc_max_threads", "max_num_load_retries", "load_retry_interval_micros",
         "file_system_poll_wait_seconds", "model_config_file_poll_wait_seconds"), int
    ),
    **dict.fromkeys(
        ("model_config_file", "model_name", "model_base_path", "batching_parameters_file", "monitoring_config_file",
         "ssl_config_file", "grpc_channel_arguments"), str
    ),
    **dict.fromkeys(
        ("enable_batching", "enable_model_warmup", "allow_version_labels_for_unavailable_models"),
        {"true": True, "false": False}.__getitem__,
    ),
}  # fmt: skip
"""The flags that the recordings and the project use; others would be ignored by the server."""


def start_problem(flags: list[str], files: Mapping[str, str], locate: Callable[[str], Path]) -> str | None:
    """Return why the server would not serve with these flags over gRPC and REST; None where it would.

    Args:
        flags: of the command line.
        files: text by path as the flags name it.
        locate: gives the folder here for a model's path there.
    """
    try:
        values = _parse_flags(flags)
        _check_models(values, files, locate)
        _check_batching(values, files)
        _check_tls(values, files)
        _check_rest(values, files)
    except _StartError as error:
        return str(error)
    return None


class _StartError(Exception):
    """The server would not start, or not as it should."""


def _parse_flags(flags: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {"port": 8500, "rest_api_port": 0}
    for flag in flags:
        name, _, text = flag.removeprefix("--").partition("=")
        if name not in FLAGS:
            raise _StartError(f"unknown flag {name}")
        try:
            values[name] = FLAGS[name](text)
        except (KeyError, ValueError):
            raise _StartError(f"bad value of {name}") from None
    return values


def _parse(path: str, files: Mapping[str, str], message: Any) -> Any:
    if not files.get(path):
        raise _StartError(f"{path} is missing or empty")
    try:
        return text_format.Parse(files[path], message)
    except text_format.ParseError:
        raise _StartError(f"{path} is malformed") from None


def _check_models(values: Mapping[str, Any], files: Mapping[str, str], locate: Callable[[str], Path]) -> None:
    config = model_server_config_pb2.ModelServerConfig()
    if "model_config_file" in values:
        _parse(values["model_config_file"], files, config)
    elif "model_base_path" in values:
        config.model_config_list.config.add(
            name=values["model_name"], base_path=values["model_base_path"], model_platform="tensorflow"
        )
    else:
        raise _StartError("nothing to serve")
    names = [model.name for model in config.model_config_list.config]
    if len(set(names)) < len(names):
        raise _StartError("a name twice")
    for model in config.model_config_list.config:
        if model.model_platform != "tensorflow":
            raise _StartError("no or unknown platform")
        if not model.base_path.startswith("/") and "://" not in model.base_path:
            raise _StartError("relative path")
        if model.version_labels and not values.get("allow_version_labels_for_unavailable_models"):
            raise _StartError("label on a version that is not loaded yet")
        for folder in _version_folders(locate(model.base_path), model.model_version_policy):
            _check_version(folder)


def _version_folders(base: Path, policy: Any) -> list[Path]:
    folders_by_version = (
        {int(path.name): path for path in base.iterdir() if path.name.isdecimal()} if base.is_dir() else {}
    )
    kind = policy.WhichOneof("policy_choice")
    newest = sorted(folders_by_version)[-(policy.latest.num_versions or 1) :]
    wanted = {"all": list(folders_by_version), "specific": list(policy.specific.versions)}.get(kind or "latest", newest)
    folders = [folders_by_version[version] for version in wanted if version in folders_by_version]
    if not folders:
        raise _StartError("no version to serve")
    return folders


def _check_version(folder: Path) -> None:
    try:
        saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    except (OSError, DecodeError):
        raise _StartError("a version that does not load") from None


def _check_batching(values: Mapping[str, Any], files: Mapping[str, str]) -> None:
    path = values.get("batching_parameters_file")
    if path is None:
        return
    if not values.get("enable_batching"):
        raise _StartError("batching parameters without batching")
    parameters = _parse(path, files, batching_parameters_message())
    for name in ("max_batch_size", "num_batch_threads"):
        if parameters.HasField(name) and getattr(parameters, name).value < 1:
            raise _StartError(f"bad {name}")
    sizes = parameters.allowed_batch_sizes
    if sizes and sizes[-1] != parameters.max_batch_size.value:
        raise _StartError("allowed sizes that do not end in the largest")


def _check_tls(values: Mapping[str, Any], files: Mapping[str, str]) -> None:
    if "ssl_config_file" not in values:
        return
    config = _parse(values["ssl_config_file"], files, ssl_config_message())
    try:
        certificates = x509.load_pem_x509_certificates(config.server_cert.encode())
        key = serialization.load_pem_private_key(config.server_key.encode(), None)
        if config.custom_ca:
            x509.load_pem_x509_certificates(config.custom_ca.encode())
    except ValueError:
        raise _StartError("TLS without the text of certificate, key or authority") from None
    if certificates[0].public_key() != key.public_key():
        raise _StartError("the key of another certificate")


def _check_rest(values: Mapping[str, Any], files: Mapping[str, str]) -> None:
    if "monitoring_config_file" in values:
        _parse(values["monitoring_config_file"], files, monitoring_config_message())
    if not values["rest_api_port"] or values["rest_api_port"] == values["port"]:
        raise _StartError("no port for REST")


def batching_parameters_message() -> Any:
    """Build TensorFlow Serving's message BatchingParameters, which its Python package leaves out."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="test/batching.proto", package="test", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    message = file.message_type.add(name="BatchingParameters")
    names = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")
    for index, name in enumerate(names, 1):
        message.field.add(
            name=name,
            number=index,
            type=field.TYPE_MESSAGE,
            type_name=".google.protobuf.Int64Value",
            label=field.LABEL_OPTIONAL,
        )
    message.field.add(name="allowed_batch_sizes", number=6, type=field.TYPE_INT64, label=field.LABEL_REPEATED)
    message.field.add(name="pad_variable_length_inputs", number=7, type=field.TYPE_BOOL, label=field.LABEL_OPTIONAL)
    return _new_message(file, "test.BatchingParameters")


def ssl_config_message() -> Any:
    """Build TensorFlow Serving's message SSLConfig (ssl_config.proto), which its Python package leaves out."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="test/ssl_config.proto", package="test", syntax="proto3")
    message = file.message_type.add(name="SSLConfig")
    for index, name in enumerate(("server_key", "server_cert", "custom_ca"), 1):
        message.field.add(name=name, number=index, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    message.field.add(name="client_verify", number=4, type=field.TYPE_BOOL, label=field.LABEL_OPTIONAL)
    return _new_message(file, "test.SSLConfig")


def monitoring_config_message() -> Any:
    """Build TensorFlow Serving's message MonitoringConfig, which its Python package leaves out."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="test/monitoring.proto", package="test", syntax="proto3")
    prometheus = file.message_type.add(name="PrometheusConfig")
    prometheus.field.add(name="enable", number=1, type=field.TYPE_BOOL, label=field.LABEL_OPTIONAL)
    prometheus.field.add(name="path", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    monitoring = file.message_type.add(name="MonitoringConfig")
    monitoring.field.add(
        name="prometheus_config",
        number=1,
        type=field.TYPE_MESSAGE,
        type_name=".test.PrometheusConfig",
        label=field.LABEL_OPTIONAL,
    )
    return _new_message(file, "test.MonitoringConfig")


def _new_message(file: descriptor_pb2.FileDescriptorProto, name: str) -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))()
