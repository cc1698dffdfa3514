"""A job server, a pool or a program that is missing is one sentence, before a job is submitted."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from interestflow.beam_runner.endpoints import check_endpoints
from interestflow.beam_runner.places import BeamRunnerError
from tests.object_stores import free_port

SOON = 0.3


@pytest.fixture
def job_server() -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None)


def check(*arguments: str) -> None:
    check_endpoints(PipelineOptions(list(arguments)), SOON)


def refusal(*arguments: str) -> str:
    with pytest.raises(BeamRunnerError) as refused:
        check(*arguments)
    return str(refused.value)


def test_a_job_server_that_is_missing_or_speaks_no_grpc() -> None:
    arguments = ["--runner=PortableRunner", "--environment_type=LOOPBACK"]
    address = f"127.0.0.1:{free_port()}"
    expected = f"no Beam job server answers at {address} (`job_endpoint` of `beam.options`) within 0.3 s"
    assert refusal(*arguments, f"--job_endpoint={address}") == expected
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert refusal(*arguments, f"--job_endpoint={address}").startswith(f"no Beam job server answers at {address}")
    assert refusal(*arguments) == (
        "`beam.options` should have job_endpoint=HOST:PORT with PortableRunner, received none"
    )


def test_a_pool_beside_the_job_server(job_server: str) -> None:
    external = ["--runner=PortableRunner", f"--job_endpoint={job_server}", "--environment_type=EXTERNAL"]
    address = f"localhost:{free_port()}"
    expected = (
        f"no Beam worker pool answers at {address} (`environment_config` of `beam.options`) within 0.3 s: "
        "Connection refused"
    )
    assert refusal(*external, f"--environment_config={address}") == expected
    assert refusal(*external, f'--environment_config={{"url": "{address}"}}') == expected
    assert refusal(*external, f"--environment_options=external_service_address={address}") == expected
    assert refusal(*external) == (
        "`beam.options` should have environment_config with environment_type=EXTERNAL, received None"
    )
    with socket.create_server(("127.0.0.1", 0)) as pool:
        check(*external, f"--environment_config=localhost:{pool.getsockname()[1]}")
    check(*external, "--environment_config=pool.of.the.cluster:50000")  # which only the server can reach


def test_a_program_of_the_workers(job_server: str, tmp_path: Path) -> None:
    process = ["--runner=PortableRunner", f"--job_endpoint={job_server}", "--environment_type=PROCESS"]
    missing = tmp_path / "boot"
    expected = f"the workers' program {missing} (`environment_config` of `beam.options`) is not an executable file"
    assert refusal(*process, f'--environment_config={{"command": "{missing}"}}') == expected
    missing.touch(0o755)
    check(*process, f'--environment_config={{"command": "{missing}"}}')


def test_a_runner_that_starts_its_own_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    expected = "SparkRunner starts its job server by `java`, which is not on PATH"
    assert refusal("--runner=SparkRunner").startswith(expected)
    address = f"localhost:{free_port()}"
    expected = f"no Flink answers at {address} (`flink_master` of `beam.options`) within 0.3 s: Connection refused"
    assert refusal("--runner=FlinkRunner", f"--flink_master=http://{address}") == expected
    check("--runner=FnApiRunner")
