"""Checks that a job server, a worker pool and a worker's program are there, before a job is submitted to them.

Beam itself waits for a job server for five minutes, and for a worker for as long as the server does.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Mapping

import grpc
from apache_beam.options.pipeline_options import FlinkRunnerOptions, PipelineOptions, PortableOptions

from interestflow.beam_runner.places import BeamRunnerError, runner_name

SECONDS = 20.0
"""How long a server may take to answer; one that is just starting is waited for."""
RETRY_SECONDS = 0.2
HERE = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})
"""Names of this machine. A pool that has one of them is on the machine of its job server."""


def check_endpoints(options: PipelineOptions, seconds: float = SECONDS) -> None:
    """Check what a runner needs besides this process.

    Args:
        options: Beam's options.
        seconds: how long each server may take to answer.

    Raises:
        BeamRunnerError: if something is missing, with its address and the option that names it.
    """
    portable, runner = options.view_as(PortableOptions), runner_name(options)
    if portable.job_endpoint:
        _check_job_server(portable.job_endpoint, seconds)
    elif runner == "PortableRunner":
        raise BeamRunnerError("`beam.options` should have job_endpoint=HOST:PORT with PortableRunner, received none")
    elif runner in ("FlinkRunner", "SparkRunner"):
        _check_own_job_server(options, runner, seconds)
    # A pool or a program beside a server elsewhere cannot be seen from here.
    if portable.job_endpoint and _host(portable.job_endpoint) in HERE:
        _check_workers(portable, seconds)


def _check_job_server(endpoint: str, seconds: float) -> None:
    """Check that a job server speaks gRPC at `endpoint`."""
    channel = grpc.insecure_channel(endpoint)
    try:
        grpc.channel_ready_future(channel).result(timeout=seconds)
    except grpc.FutureTimeoutError:
        raise BeamRunnerError(
            f"no Beam job server answers at {endpoint} (`job_endpoint` of `beam.options`) within {seconds:g} s"
        ) from None
    finally:
        channel.close()


def _check_own_job_server(options: PipelineOptions, runner: str, seconds: float) -> None:
    """Check what a runner needs that starts its job server itself, by Java, or talks to Flink's REST API."""
    flink = options.view_as(FlinkRunnerOptions)
    if runner == "FlinkRunner" and not str(flink.flink_master).startswith("["):
        address = str(flink.flink_master).rpartition("//")[2].rstrip("/")
        _check_address(address if ":" in address else f"{address}:8081", "Flink", "flink_master", seconds)
    starts_java = runner == "SparkRunner" or not flink.flink_submit_uber_jar
    if starts_java and shutil.which("java") is None:
        raise BeamRunnerError(
            f"{runner} starts its job server by `java`, which is not on PATH; `job_endpoint` of `beam.options` names one "
            "that runs already"
        )


def _check_workers(portable: PortableOptions, seconds: float) -> None:
    """Check the pool or the program of the workers, where the job server is on this machine."""
    if portable.environment_type == "EXTERNAL":
        address = _environment(portable, "url", "external_service_address")
        if _host(address) in HERE:
            _check_address(address, "Beam worker pool", "environment_config", seconds)
    elif portable.environment_type == "PROCESS":
        command = _environment(portable, "command", "process_command")
        if shutil.which(command) is None and not os.access(command, os.X_OK):
            raise BeamRunnerError(
                f"the workers' program {command} (`environment_config` of `beam.options`) is not an executable file"
            )


def _environment(portable: PortableOptions, key: str, option: str) -> str:
    """Return an entry of the workers' environment, which Beam takes from JSON, from plain text or from an option."""
    for entry in portable.environment_options or ():
        name, _, value = str(entry).partition("=")
        if name == option:
            return value
    text = str(portable.environment_config or "")
    if text.lstrip().startswith("{"):
        try:
            document = json.loads(text)
        except ValueError:
            document = {}
        text = str(document.get(key, "")) if isinstance(document, Mapping) else ""
    if not text:
        raise BeamRunnerError(
            f"`beam.options` should have environment_config with environment_type={portable.environment_type}, "
            f"received {portable.environment_config!r}"
        )
    return text


def _check_address(address: str, server: str, option: str, seconds: float) -> None:
    """Check that something listens at an address."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        raise BeamRunnerError(f"`{option}` of `beam.options` should be HOST:PORT, received {address!r}")
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=max(end - time.monotonic(), 0.1)).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise BeamRunnerError(
                    f"no {server} answers at {address} (`{option}` of `beam.options`) within {seconds:g} s: "
                    f"{error.strerror or error}"
                ) from None
        time.sleep(RETRY_SECONDS)


def _host(address: str) -> str:
    return address.rpartition(":")[0] or address
