"""The protocol's tests run against any server: `pytest tests/serving/conformance --target HOST:PORT`.

That server should serve the two models that `python tests/serving/conformance/write_models.py FOLDER` writes, with the
`models.config` that it writes beside them. Without a target, the project's own server is started on them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from write_models import write

from serving.server.configuration import ServerOptions, read_models
from serving.server.server import Server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--target", help="host:port of the gRPC server to test, instead of the project's own")


@pytest.fixture(scope="session")
def channel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[grpc.Channel]:
    target = request.config.getoption("--target", default=None)
    if target is not None:
        with grpc.insecure_channel(target) as channel:
            yield channel
        return
    config = write(tmp_path_factory.mktemp("models"))
    with (
        Server(ServerOptions(read_models(config), poll_seconds=0)) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield channel
