"""Start the project's own server with the options that correspond to recorded flags of TensorFlow Serving."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from interestflow.serving.server.configuration import METRICS_PATH, ServerOptions, one_model, read_batching, read_models
from interestflow.serving.server.server import Server
from tests.serving.conformance.replay.recordings import Folders, Recording

POLL_SECONDS = 0.1
"""The recorded servers looked for versions once a second; tests need not wait that long."""


def _is_true(text: str) -> bool:
    return text == "true"


# A flag's option and the conversion of its value. Two kinds of flags are not here: those that say which models are
# served, and those that a local server does without, since it takes free ports.
OPTIONS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "--batching_parameters_file": ("batching", read_batching),
    "--grpc_max_threads": ("grpc_max_threads", int),
    "--enable_grpc_healthcheck_service": ("health_service", _is_true),
    "--enable_serialization_as_tensor_content": ("serialize_as_tensor_content", _is_true),
    "--enable_signature_method_name_check": ("check_method_name", _is_true),
    "--allow_version_labels_for_unavailable_models": ("allow_labels_for_unavailable_versions", _is_true),
    "--max_num_load_retries": ("load_retries", int),
    "--rest_api_enable_cors_support": ("cors", _is_true),
    "--rest_api_timeout_in_ms": ("rest_timeout_seconds", lambda text: int(text) / 1000),
    "--monitoring_config_file": ("metrics_path", lambda _: METRICS_PATH),
}
# What TensorFlow Serving does where the flag is not given, and the local server's defaults do not.
DEFAULTS = {
    "allow_labels_for_unavailable_versions": False, "health_service": False, "load_retries": 5, "metrics_path": None,
}  # fmt: skip
WITHOUT_OPTION = {
    "--port", "--rest_api_port", "--file_system_poll_wait_seconds", "--model_config_file", "--model_name",
    "--model_base_path", "--enable_batching",
}  # fmt: skip


def server_options(flags: list[str]) -> ServerOptions:
    """Return the options of the local server that TensorFlow Serving's `flags` mean.

    Raises:
        ValueError: for a flag that this module does not know.
    """
    values = dict(flag.split("=", 1) for flag in flags)
    unknown = values.keys() - OPTIONS.keys() - WITHOUT_OPTION
    if unknown:
        raise ValueError(f"flags without a known option: {', '.join(sorted(unknown))}")
    if "--model_config_file" in values:
        models = read_models(values["--model_config_file"])
    else:
        models = one_model(values["--model_name"], values["--model_base_path"])
    options = DEFAULTS | {
        OPTIONS[flag][0]: OPTIONS[flag][1](value) for flag, value in values.items() if flag in OPTIONS
    }
    return ServerOptions(models, rest_port=0, poll_seconds=POLL_SECONDS, allow_reload="anyone", **options)


@contextmanager
def serve_recording(recording: Recording, folders: Folders) -> Iterator[Server]:
    """Run the local server as the recorded one was started."""
    with Server(server_options(recording.prepare(folders))) as server:
        yield server
