"""Options and servers of the conformance tests.

`pytest tests/serving/conformance` tests the project's own server. Against another one:

    python -m tests.serving.conformance.prepare FOLDER                # writes models.config and prints the flags
    tensorflow_model_server FLAGS                                     # as printed
    python -m tests.serving.conformance.prepare FOLDER --batching     # the same for a second server, which batches
    tensorflow_model_server FLAGS
    pytest tests/serving/conformance --target HOST:8500 --rest-target HOST:8501 --batching-target HOST:8510 \\
        --folder FOLDER

These servers answer test_protocol.py, test_exported_models.py and the recordings made without special flags. Each other
recording wants a server with flags and folders of its own, just started:

    python -m tests.serving.conformance.prepare FOLDER --recording batching
    tensorflow_model_server FLAGS
    pytest tests/serving/conformance --target HOST:8500 --rest-target HOST:8501 --folder FOLDER --recording batching

`FOLDER` should have the same path for the server and for the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import grpc
import pytest

from interestflow.serving.server.configuration import ServerOptions, read_models
from interestflow.serving.server.server import Server
from tests.serving.conformance.prepare import PLAIN, folders_below
from tests.serving.conformance.replay.connection import Connection, connect
from tests.serving.conformance.replay.local_server import serve_recording
from tests.serving.conformance.replay.player import LOCAL, REMOTE, Pace
from tests.serving.conformance.replay.recordings import Folders, Recording
from tests.serving.conformance.write_models import write


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--target", help="host:port of the gRPC server to test instead of the project's own")
    parser.addoption("--rest-target", help="host:port of that server's REST API")
    parser.addoption("--batching-target", help="host:port of a server that prepare.py --batching was run for")
    parser.addoption("--recording", help="the recording that the target was started for, e.g. batching")
    parser.addoption("--folder", help="the folder that prepare.py wrote")


@pytest.fixture(scope="session")
def is_local(request: pytest.FixtureRequest) -> bool:
    """Return whether the project's own server is tested."""
    return request.config.getoption("--target") is None


@pytest.fixture(scope="session")
def pace(is_local: bool) -> Pace:
    return LOCAL if is_local else REMOTE


@pytest.fixture(scope="session")
def channel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[grpc.Channel]:
    """Return a channel to a server of the models that `write_models.py` writes."""
    target = request.config.getoption("--target")
    if target is not None:
        if request.config.getoption("--recording") is not None:
            pytest.skip("the target serves the models of a recording alone")
        with grpc.insecure_channel(target) as channel:
            yield channel
        return
    config = write(tmp_path_factory.mktemp("models"))
    with (
        Server(ServerOptions(read_models(config), poll_seconds=0)) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield channel


@pytest.fixture
def connect_to_server(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[Recording], AbstractContextManager[tuple[Connection, Folders]]]:
    """Return a function that connects to a server of a recording: the target, or one that it starts."""
    option = request.config.getoption
    target, rest_target, played = option("--target"), option("--rest-target"), option("--recording")

    @contextmanager
    def connect_to(recording: Recording) -> Iterator[tuple[Connection, Folders]]:
        if target is None:
            folders = folders_below(tmp_path)
            with (
                serve_recording(recording, folders) as server,
                connect(f"127.0.0.1:{server.port}", f"127.0.0.1:{server.rest_port}", folders) as connection,
            ):
                yield connection, folders
            return
        if rest_target is None:
            pytest.skip("recordings ask over REST too, which needs --rest-target")
        if recording.name != played and not (played is None and recording.name in PLAIN):
            pytest.skip(f"needs a server of its own: prepare.py FOLDER --recording {recording.name}")
        folders = folders_below(Path(option("--folder") or tmp_path))
        with connect(target, rest_target, folders) as connection:
            yield connection, folders

    return connect_to
