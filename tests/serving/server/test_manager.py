"""Versions are loaded and unloaded, some of them broken, while requests arrive."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import get_model_status_pb2

from interestflow.serving.server.server import Server
from tests.serving.server import small_models
from tests.serving.server.checks import eventually
from tests.serving.server.small_models import Stubs, options

State = get_model_status_pb2.ModelVersionStatus


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return versions 1 to 4, made once; tests copy what they need."""
    base = tmp_path_factory.mktemp("written")
    for version in range(1, 5):
        small_models.write_scaled(base, version)
    return base


def push(written: Path, base: Path, version: int) -> None:
    """Copy a version under another name and then move it, as a Pusher does."""
    base.mkdir(parents=True, exist_ok=True)
    shutil.copytree(written / str(version), base / f"coming-{version}")
    (base / f"coming-{version}").rename(base / str(version))


def push_broken(base: Path, version: int) -> None:
    (base / f"coming-{version}").mkdir()
    (base / f"coming-{version}" / "saved_model.pb").write_bytes(b"half of a mo")
    (base / f"coming-{version}").rename(base / str(version))


def answer_code(stubs: Stubs, **spec: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as raised:
        stubs.scaled([1.0], **spec)
    code: grpc.StatusCode = raised.value.code()
    return code


def states(server: Server) -> dict[int, int]:
    return {version.number: version.state for version in server.manager.statuses("scaled")}


def test_a_new_version_takes_over_and_the_old_one_goes(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path)) as server, Stubs(server.port) as stubs:
        assert stubs.scaled([1.0]) == [1.0]
        push(written, tmp_path, 2)
        assert eventually(lambda: stubs.scaled([1.0]) == [2.0])
        assert eventually(lambda: states(server)[1] == State.END)
        with pytest.raises(grpc.RpcError) as raised:
            stubs.scaled([1.0], version=1)
        assert raised.value.code() == grpc.StatusCode.NOT_FOUND
        assert b'interestflow_version_loaded{model="scaled",version="2"} 1.0' in server.metrics.text()


def test_under_load_no_request_fails_while_versions_change(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path)) as server, Stubs(server.port) as stubs:
        observed: list[float] = []
        failures: list[Exception] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                try:
                    observed.extend(stubs.scaled([1.0]))
                except Exception as error:
                    failures.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for version in (1, 2, 3, 4):
                if version > 1:
                    push(written, tmp_path, version)
                assert eventually(lambda version=version: observed[-1:] == [version])
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert failures == []
    assert set(observed) == {1.0, 2.0, 3.0, 4.0}


def test_a_broken_version_never_replaces_one_that_answers(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path)) as server, Stubs(server.port) as stubs:
        (tmp_path / "2").mkdir()
        (tmp_path / "2" / "saved_model.pb").write_bytes(b"half of a mo")
        assert eventually(lambda: states(server).get(2) == State.END)
        assert stubs.scaled([1.0]) == [1.0]
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "scaled"
        newest = stubs.models.GetModelStatus(request).model_version_status[0]
        assert (newest.version, newest.state) == (2, State.END)
        assert newest.status.error_code == grpc.StatusCode.DATA_LOSS.value[0]
        assert newest.status.error_message == f"Can't parse {tmp_path}/2/saved_model.pb as binary proto"
        # Written to the end, it is tried again.
        shutil.rmtree(tmp_path / "2")
        push(written, tmp_path, 2)
        assert eventually(lambda: stubs.scaled([1.0]) == [2.0])


def test_broken_variables_are_found_while_loading(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path)) as server, Stubs(server.port) as stubs:
        shutil.copytree(written / "2", tmp_path / "coming")
        (data,) = (tmp_path / "coming" / "variables").glob("variables.data*")
        data.write_bytes(data.read_bytes()[:1])
        (tmp_path / "coming").rename(tmp_path / "2")
        assert eventually(lambda: states(server).get(2) == State.END)
        assert stubs.scaled([1.0]) == [1.0]


def test_the_last_version_leaves_with_its_folder(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path)) as server, Stubs(server.port) as stubs:
        shutil.rmtree(tmp_path / "1")
        assert eventually(lambda: states(server) == {1: State.END})
        assert answer_code(stubs) == grpc.StatusCode.NOT_FOUND
        push(written, tmp_path, 1)
        assert eventually(lambda: states(server) == {1: State.AVAILABLE})
        assert stubs.scaled([1.0]) == [1.0]


def test_versions_go_on_while_the_folder_of_the_model_is_not_there(written: Path, tmp_path: Path) -> None:
    base = tmp_path / "scaled"
    push(written, base, 1)
    with Server(options(base)) as server, Stubs(server.port) as stubs:
        base.rename(tmp_path / "elsewhere")
        server.manager.poll()
        assert stubs.scaled([1.0]) == [1.0]
        (tmp_path / "elsewhere").rename(base)
        push(written, base, 2)
        assert eventually(lambda: stubs.scaled([1.0]) == [2.0])


def test_a_folder_with_zeros_before_its_number_and_one_whose_number_is_too_large(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path)) as server, Stubs(server.port) as stubs:
        (tmp_path / str(2**63)).mkdir()
        shutil.copytree(written / "3", tmp_path / "coming")
        (tmp_path / "coming").rename(tmp_path / "007")
        assert eventually(lambda: states(server) == {1: State.END, 7: State.AVAILABLE})
        assert stubs.scaled([1.0]) == [3.0]
        assert stubs.scaled([1.0], version=7) == [3.0]
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "scaled"
        assert [status.version for status in stubs.models.GetModelStatus(request).model_version_status] == [7, 1]


def test_an_empty_folder_is_a_version_that_cannot_be_loaded_until_it_is_filled(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path)) as server, Stubs(server.port) as stubs:
        (tmp_path / "2").mkdir()
        assert eventually(lambda: states(server).get(2) == State.END)
        (failed,) = server.manager.statuses("scaled", 2)
        assert failed.code == grpc.StatusCode.NOT_FOUND
        assert stubs.scaled([1.0]) == [1.0]
        for path in (written / "2").iterdir():  # written in place, as no pusher should
            (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / "2" / path.name)
        assert eventually(lambda: stubs.scaled([1.0]) == [2.0])


def test_while_a_version_is_retried_nothing_else_of_its_model_changes(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path, load_retries=5)) as server, Stubs(server.port) as stubs:
        push_broken(tmp_path, 7)
        assert eventually(lambda: states(server).get(7) == State.LOADING)
        push(written, tmp_path, 4)
        (tmp_path / "4").rename(tmp_path / "9")
        for _ in range(3):
            server.manager.poll()
        assert states(server) == {1: State.AVAILABLE, 7: State.LOADING}
        assert stubs.scaled([1.0]) == [1.0]
        assert answer_code(stubs, version=7) == grpc.StatusCode.NOT_FOUND
        shutil.rmtree(tmp_path / "7")  # nothing is left to retry
        assert eventually(lambda: states(server) == {1: State.END, 7: State.END, 9: State.AVAILABLE})


def test_retries_end_and_a_newer_version_is_loaded(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path, load_retries=2, load_retry_seconds=0.01)) as server, Stubs(server.port) as stubs:
        push_broken(tmp_path, 7)
        assert eventually(lambda: states(server).get(7) == State.END)
        (failed,) = server.manager.statuses("scaled", 7)
        assert failed.attempts == 3
        shutil.copytree(written / "4", tmp_path / "coming")
        (tmp_path / "coming").rename(tmp_path / "9")
        assert eventually(lambda: stubs.scaled([1.0]) == [4.0])


def test_a_server_that_looks_once_retries_all_the_same(written: Path, tmp_path: Path) -> None:
    push_broken(tmp_path, 7)
    once = options(tmp_path, poll_seconds=0, load_retries=2, load_retry_seconds=0.01)
    with Server(once) as server:
        assert eventually(lambda: states(server) == {7: State.END})
        assert server.manager.statuses("scaled")[0].attempts == 3


def test_a_version_that_is_repaired_does_not_wait_for_its_retry(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path, load_retries=5, load_retry_seconds=3600)) as server, Stubs(server.port) as stubs:
        push_broken(tmp_path, 2)
        assert eventually(lambda: states(server).get(2) == State.LOADING)
        (tmp_path / "2" / "saved_model.pb").unlink()
        for path in (written / "2").iterdir():
            (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / "2" / path.name)
        assert eventually(lambda: stubs.scaled([1.0]) == [2.0])


def test_started_with_a_newest_version_that_is_broken_it_serves_the_newest_that_is_not(
    written: Path, tmp_path: Path
) -> None:
    push(written, tmp_path, 1)
    push(written, tmp_path, 2)
    for broken in (3, 4):
        push_broken(tmp_path, broken)
    with Server(options(tmp_path)) as server, Stubs(server.port) as stubs:
        assert stubs.scaled([1.0]) == [2.0]
        assert states(server) == {2: State.AVAILABLE, 3: State.END, 4: State.END}
        server.manager.poll()
        assert {status.number: status.attempts for status in server.manager.statuses("scaled")} == {2: 0, 3: 1, 4: 1}


def test_without_a_version_it_waits_for_one(written: Path, tmp_path: Path) -> None:
    with Server(options(tmp_path / "later")) as server, Stubs(server.port) as stubs:
        with pytest.raises(grpc.RpcError) as raised:
            stubs.scaled([1.0])
        assert raised.value.code() == grpc.StatusCode.NOT_FOUND
        push(written, tmp_path / "later", 1)
        assert eventually(lambda: server.manager.available() == {"scaled": [1]})
        assert stubs.scaled([1.0]) == [1.0]


def test_while_the_first_version_is_loaded_the_server_is_unavailable(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    server = Server(options(tmp_path))
    loading, go_on = threading.Event(), threading.Event()

    def slow(_: Any) -> None:
        loading.set()
        go_on.wait(20)

    server.manager._loader._warm_up = slow
    starting = threading.Thread(target=server.start)
    starting.start()
    assert loading.wait(20)
    with Stubs(server.port) as stubs:
        with pytest.raises(grpc.RpcError) as raised:
            stubs.scaled([1.0])
        assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
        go_on.set()
        starting.join()
        assert stubs.scaled([1.0]) == [1.0]
    server.stop(1.0)


def test_a_version_in_use_is_let_go_when_its_last_request_has_ended(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path)) as server:
        with server.manager.use("scaled") as servable:
            push(written, tmp_path, 2)
            assert eventually(lambda: states(server)[1] == State.UNLOADING)
            assert servable.run("", {"x": np.float32([1.0])})["y"].tolist() == [1.0]
        assert eventually(lambda: states(server)[1] == State.END)
