"""Versions come and go: policies, labels, folders that are broken, and requests meanwhile."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import small_models
from small_models import Asking, options, request
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

from serving.server.configuration import one_model
from serving.server.server import Server
from serving.server.versions import Policy, aspired_versions, complete_versions
from serving.warm_up import WARM_UP, read_warm_up, write_warm_up

State = get_model_status_pb2.ModelVersionStatus


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions 1 to 4, made once; tests copy what they need."""
    base = tmp_path_factory.mktemp("written")
    for version in range(1, 5):
        small_models.write_scaled(base, version)
    return base


def push(written: Path, base: Path, version: int) -> None:
    """As a Pusher does: complete under another name, then moved."""
    base.mkdir(parents=True, exist_ok=True)
    shutil.copytree(written / str(version), base / f"coming-{version}")
    (base / f"coming-{version}").rename(base / str(version))


def eventually(is_so: Callable[[], bool], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.02)
    return False


def states(server: Server) -> dict[int, int]:
    return {each.number: each.state for each in server.manager.statuses("scaled")}


def policy(**choice: Any) -> Policy:
    found = Policy()
    if "latest" in choice:
        found.latest.num_versions = choice["latest"]
    if "specific" in choice:
        found.specific.versions.extend(choice["specific"])
    if "all" in choice:
        found.all.SetInParent()
    return found


def test_policies() -> None:
    available = [1, 2, 5]
    assert aspired_versions(available, policy()) == [5]
    assert aspired_versions(available, policy(latest=2)) == [2, 5]
    assert aspired_versions(available, policy(specific=[2, 9])) == [2]
    assert aspired_versions(available, policy(all=True)) == [1, 2, 5]
    assert aspired_versions([], policy()) == []


def test_a_folder_counts_once_its_model_is_there(tmp_path: Path) -> None:
    for name in ("1", "7", "10", "coming-11", "notes"):
        (tmp_path / name).mkdir()
    for name in ("1", "10", "coming-11"):
        (tmp_path / name / "saved_model.pb").touch()
    assert complete_versions(str(tmp_path)) == [1, 10]
    assert complete_versions(str(tmp_path / "nothing")) == []


def test_a_new_version_takes_over_and_the_old_one_goes(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path)) as server, Asking(server.port) as asking:
        assert asking.scaled([1.0]) == [1.0]
        push(written, tmp_path, 2)
        assert eventually(lambda: asking.scaled([1.0]) == [2.0])
        assert eventually(lambda: states(server)[1] == State.END)
        with pytest.raises(grpc.RpcError) as raised:
            asking.scaled([1.0], version=1)
        assert raised.value.code() == grpc.StatusCode.NOT_FOUND
        assert b'interestflow_version_loaded{model="scaled",version="2"} 1.0' in server.metrics.text()


def test_under_load_no_request_fails_while_versions_change(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path)) as server, Asking(server.port) as asking:
        seen: list[float] = []
        failures: list[Exception] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                try:
                    seen.extend(asking.scaled([1.0]))
                except Exception as error:
                    failures.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for version in (1, 2, 3, 4):
                if version > 1:
                    push(written, tmp_path, version)
                assert eventually(lambda version=version: seen[-1:] == [version])
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert failures == []
    assert set(seen) == {1.0, 2.0, 3.0, 4.0}


def test_a_broken_version_never_replaces_one_that_answers(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path)) as server, Asking(server.port) as asking:
        (tmp_path / "2").mkdir()
        (tmp_path / "2" / "saved_model.pb").write_bytes(b"half of a mo")
        assert eventually(lambda: states(server).get(2) == State.END)
        assert asking.scaled([1.0]) == [1.0]
        asked = get_model_status_pb2.GetModelStatusRequest()
        asked.model_spec.name = "scaled"
        newest = asking.models.GetModelStatus(asked).model_version_status[0]
        assert (newest.version, newest.state) == (2, State.END)
        assert "cannot be loaded" in newest.status.error_message
        # Written to the end, it is tried again.
        shutil.rmtree(tmp_path / "2")
        push(written, tmp_path, 2)
        assert eventually(lambda: asking.scaled([1.0]) == [2.0])


def test_broken_variables_are_found_while_loading(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path)) as server, Asking(server.port) as asking:
        shutil.copytree(written / "2", tmp_path / "coming")
        (data,) = (tmp_path / "coming" / "variables").glob("variables.data*")
        data.write_bytes(data.read_bytes()[:1])
        (tmp_path / "coming").rename(tmp_path / "2")
        assert eventually(lambda: states(server).get(2) == State.END)
        assert asking.scaled([1.0]) == [1.0]


def test_the_last_version_goes_on_when_its_folder_is_gone(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path)) as server, Asking(server.port) as asking:
        shutil.rmtree(tmp_path / "1")
        server.manager.poll()
        assert asking.scaled([1.0]) == [1.0]


def test_without_a_version_it_waits_for_one(written: Path, tmp_path: Path) -> None:
    with Server(options(tmp_path / "later")) as server, Asking(server.port) as asking:
        with pytest.raises(grpc.RpcError) as raised:
            asking.scaled([1.0])
        assert raised.value.code() == grpc.StatusCode.NOT_FOUND
        push(written, tmp_path / "later", 1)
        assert eventually(lambda: server.manager.available() == {"scaled": [1]})
        assert asking.scaled([1.0]) == [1.0]


def test_while_the_first_version_is_loaded_the_server_is_unavailable(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    server = Server(options(tmp_path))
    loading, go_on = threading.Event(), threading.Event()

    def slow(_: Any) -> None:
        loading.set()
        go_on.wait(20)

    server.manager._warm_up = slow
    starting = threading.Thread(target=server.start)
    starting.start()
    assert loading.wait(20)
    with Asking(server.port) as asking:
        with pytest.raises(grpc.RpcError) as raised:
            asking.scaled([1.0])
        assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
        go_on.set()
        starting.join()
        assert asking.scaled([1.0]) == [1.0]
    server.stop(1.0)


def test_a_version_in_use_is_let_go_when_its_last_request_has_ended(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    with Server(options(tmp_path)) as server:
        with server.manager.use("scaled") as servable:
            push(written, tmp_path, 2)
            assert eventually(lambda: states(server)[1] == State.UNLOADING)
            assert servable.run("", {"x": np.float32([1.0])})["y"].tolist() == [1.0]
        assert eventually(lambda: states(server)[1] == State.END)


def test_labels_move_and_never_to_what_is_not_loaded(written: Path, tmp_path: Path) -> None:
    for version in (1, 2):
        push(written, tmp_path, version)
    models = one_model("scaled", str(tmp_path))
    (model,) = models.model_config_list.config
    model.model_version_policy.all.SetInParent()
    model.version_labels["stable"] = 1
    with Server(options(tmp_path, models=models)) as server, Asking(server.port) as asking:
        assert asking.scaled([1.0], label="stable") == [1.0]
        model.version_labels["stable"] = 2
        answer = asking.models.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(config=models))
        assert answer.status.error_code == 0
        assert asking.scaled([1.0], label="stable") == [2.0]
        model.version_labels["stable"] = 3
        answer = asking.models.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(config=models))
        assert answer.status.error_code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
        assert "label stable of scaled to version 3" in answer.status.error_message
        assert asking.scaled([1.0], label="stable") == [2.0]


def test_reloading_adds_and_removes_models(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path / "a", 1)
    push(written, tmp_path / "b", 2)
    with Server(options(tmp_path / "a")) as server, Asking(server.port) as asking:
        reload = asking.models.HandleReloadConfigRequest
        other = one_model("other", str(tmp_path / "b"))
        assert reload(model_management_pb2.ReloadConfigRequest(config=other)).status.error_code == 0
        assert asking.scaled([1.0], name="other") == [2.0]
        with pytest.raises(grpc.RpcError) as raised:
            asking.scaled([1.0])
        assert raised.value.code() == grpc.StatusCode.NOT_FOUND
        other.model_config_list.config.add(name="other", base_path="/somewhere")
        answer = reload(model_management_pb2.ReloadConfigRequest(config=other))
        assert answer.status.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        assert asking.scaled([1.0], name="other") == [2.0]
        assert server.manager.available() == {"other": [2]}


def test_warm_up_requests_are_answered_before_any_other(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    asked = [request(x=np.float32([1.0] * rows)) for rows in (1, 5)]
    assert write_warm_up(tmp_path / "1", asked) == 2
    assert [log.predict_log.request for log in read_warm_up(tmp_path / "1")] == asked
    with Server(options(tmp_path)) as server, Asking(server.port) as asking:
        assert asking.scaled([1.0]) == [1.0]
        assert server.manager.available() == {"scaled": [1]}


def test_a_version_that_cannot_answer_its_warm_up_is_not_served(written: Path, tmp_path: Path) -> None:
    push(written, tmp_path, 1)
    shutil.copytree(written / "2", tmp_path / "coming")
    write_warm_up(tmp_path / "coming", [request(y=np.float32([1.0]))])
    (tmp_path / "coming").rename(tmp_path / "2")
    with Server(options(tmp_path)) as server, Asking(server.port) as asking:
        assert states(server)[2] == State.END
        (failed,) = server.manager.statuses("scaled", 2)
        assert failed.error.startswith("warm-up request 0 cannot be answered: the inputs should be x")
        # Started like this, it falls back to the newest version that can answer.
        assert asking.scaled([1.0]) == [1.0]
    assert (tmp_path / "2" / WARM_UP).exists()
