"""Reloading changes the configured models while the server runs."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from tensorflow_serving.config import model_server_config_pb2

from interestflow.serving.server.configuration import one_model
from interestflow.serving.server.errors import ServingError
from interestflow.serving.server.manager import Manager
from interestflow.serving.server.reloader import Reloader
from tests.serving.server import small_models
from tests.serving.server.small_models import Stubs, options

INVALID, PRECONDITION = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION
Config = model_server_config_pb2.ModelServerConfig


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return versions 1 and 2 of one model, and version 3 of another."""
    base = tmp_path_factory.mktemp("models")
    for version in (1, 2):
        small_models.write_scaled(base / "scaled", version)
    small_models.write_scaled(base / "other", 3)
    return base


@pytest.fixture
def manager(base: Path) -> Iterator[Manager]:
    """Return a manager of version 2 of `scaled`."""
    manager = Manager(options(base / "scaled"))
    manager.start()
    yield manager
    manager.stop()


def config(base: Path, labels: dict[str, int] | None = None, **models: tuple[int, ...]) -> Any:
    """Return a configuration of `models`, each with the versions given, or the newest where none is."""
    config = Config()
    config.model_config_list.SetInParent()
    for name, versions in models.items():
        entry = one_model(name, str(base / name)).model_config_list.config[0]
        if versions:
            entry.model_version_policy.specific.versions.extend(versions)
        for label, version in (labels or {}).items():
            entry.version_labels[label] = version
        config.model_config_list.config.append(entry)
    return config


def refusal(reloader: Reloader, config: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(ServingError) as raised:
        reloader.reload(config)
    return raised.value.code, raised.value.message


def test_models_come_and_go(base: Path, manager: Manager) -> None:
    reloader = Reloader(manager, allow_unavailable_labels=True)
    reloader.reload(config(base, scaled=(), other=()))
    assert manager.available() == {"scaled": [2], "other": [3]}
    reloader.reload(config(base, other=()))
    assert manager.available() == {"other": [3]}
    assert [(status.number, status.servable) for status in manager.statuses("scaled")] == [(2, None)]
    reloader.reload(config(base))
    assert manager.available() == {}
    reloader.reload(config(base, scaled=(1, 2)))
    assert manager.available() == {"scaled": [1, 2]}


def test_the_policy_of_a_model_changes(base: Path, manager: Manager) -> None:
    reloader = Reloader(manager, allow_unavailable_labels=True)
    reloader.reload(config(base, scaled=(1,)))
    assert manager.available() == {"scaled": [1]}
    reloader.reload(config(base, scaled=(99,)))  # the model is not new, so no version is required
    assert manager.available() == {"scaled": []}


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"name": "scaled", "base_path": "/m"}, "`model_platform` of scaled should be 'tensorflow', received ''"),
        (
            {"name": "scaled", "base_path": "m", "model_platform": "tensorflow"},
            "`base_path` of scaled should be an absolute path or a URI, received 'm'",
        ),
        ({"base_path": "/m", "model_platform": "tensorflow"}, "should have a `name`"),
    ],
    ids=["platform", "path", "name"],
)
def test_a_wrong_configuration_changes_nothing(manager: Manager, entry: dict[str, str], says: str) -> None:
    wrong = Config()
    wrong.model_config_list.config.add(**entry)
    code, message = refusal(Reloader(manager, allow_unavailable_labels=True), wrong)
    assert code == INVALID
    assert says in message
    assert manager.available() == {"scaled": [2]}


def test_a_configuration_of_another_kind_is_refused(manager: Manager) -> None:
    assert refusal(Reloader(manager, allow_unavailable_labels=True), Config())[0] == INVALID


def test_labels_move_to_loaded_versions_alone(base: Path, manager: Manager) -> None:
    reloader = Reloader(manager, allow_unavailable_labels=True)
    reloader.reload(config(base, scaled=(1, 2)))
    reloader.reload(config(base, {"stable": 1}, scaled=(1, 2)))
    reloader.reload(config(base, {"stable": 2}, scaled=(1, 2)))
    code, message = refusal(reloader, config(base, {"stable": 3}, scaled=(1, 2)))
    assert (code, message) == (PRECONDITION, "label stable of scaled should be of an available version, received 3")
    assert manager.labels("scaled") == {"stable": 2}
    reloader.reload(config(base, scaled=(1, 2)))
    with (
        pytest.raises(ServingError, match="Unrecognized servable version label: stable"),
        manager.use("scaled", label="stable"),
    ):
        pass


def test_a_new_label_may_name_a_version_that_comes_where_that_is_allowed(base: Path, manager: Manager) -> None:
    wanted = config(base, {"beta": 1, "ghost": 99}, scaled=(1, 2))
    assert refusal(Reloader(manager, allow_unavailable_labels=False), wanted)[0] == PRECONDITION
    assert manager.available() == {"scaled": [2]}
    Reloader(manager, allow_unavailable_labels=True).reload(wanted)
    with manager.use("scaled", label="beta") as servable:
        assert servable.version == 1
    with pytest.raises(ServingError, match=r"Specific\(scaled, 99\)"), manager.use("scaled", label="ghost"):
        pass


def test_a_new_model_without_a_version_is_refused(base: Path, tmp_path: Path, manager: Manager) -> None:
    reloader = Reloader(manager, allow_unavailable_labels=True)
    code, message = refusal(reloader, config(base, scaled=(), gone=()))
    assert code == PRECONDITION
    assert message.startswith(f"the new model gone should have a version in {base}/gone, received no such folder")
    code, message = refusal(reloader, config(base, scaled=(), other=(7, 8)))
    assert code == PRECONDITION
    assert f"the new model other should have version 7, 8 in {base}/other" in message
    assert manager.available() == {"scaled": [2]}


def test_a_new_model_that_cannot_be_loaded_is_an_error_and_stays_configured(
    base: Path, tmp_path: Path, manager: Manager
) -> None:
    reloader = Reloader(manager, allow_unavailable_labels=True)
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "broken" / "1" / "saved_model.pb").write_bytes(b"half of a mo")
    both = config(base, scaled=())
    both.model_config_list.config.append(one_model("broken", str(tmp_path / "broken")).model_config_list.config[0])
    code, message = refusal(reloader, both)
    assert code == grpc.StatusCode.UNKNOWN
    assert message.startswith("1 model(s) did not become available: version 1 of broken: DATA_LOSS: Can't parse")
    assert manager.available() == {"scaled": [2], "broken": []}
    reloader.reload(both)  # it is no new model any longer


def test_an_older_version_that_stands_in_is_no_success(base: Path, tmp_path: Path, manager: Manager) -> None:
    shutil.copytree(base / "other" / "3", tmp_path / "broken" / "3")
    (tmp_path / "broken" / "4").mkdir()
    both = config(base, scaled=())
    both.model_config_list.config.append(one_model("broken", str(tmp_path / "broken")).model_config_list.config[0])
    code, message = refusal(Reloader(manager, allow_unavailable_labels=True), both)
    assert code == grpc.StatusCode.UNKNOWN
    assert message.startswith("1 model(s) did not become available: version 4 of broken: NOT_FOUND: ")
    assert manager.available() == {"scaled": [2], "broken": [3]}


def test_a_reload_waits_for_its_turn_no_longer_than_its_client(base: Path, tmp_path: Path) -> None:
    manager = Manager(options(base / "scaled", load_retries=5, load_retry_seconds=3600))
    manager.start()
    reloader = Reloader(manager, allow_unavailable_labels=True)
    (tmp_path / "broken" / "1").mkdir(parents=True)
    both = config(base, scaled=())
    both.model_config_list.config.append(one_model("broken", str(tmp_path / "broken")).model_config_list.config[0])
    has_left = threading.Event()
    first = threading.Thread(target=reloader.reload, args=(both, lambda: not has_left.is_set()))
    first.start()
    assert manager.wait_for(lambda: bool(manager.aspired("broken")), timeout=60)
    reloader.reload(config(base), lambda: False)  # its client has left before its turn came
    assert set(manager.available()) == {"scaled", "broken"}
    has_left.set()
    first.join(20)
    assert not first.is_alive()
    reloader.reload(config(base, scaled=()))
    assert manager.available() == {"scaled": [2]}
    manager.stop()


def test_the_path_of_a_model_moves(base: Path, tmp_path: Path, manager: Manager) -> None:
    reloader = Reloader(manager, allow_unavailable_labels=True)
    moved = config(base, scaled=())
    (entry,) = moved.model_config_list.config
    entry.base_path = str(tmp_path / "gone")
    reloader.reload(moved)
    assert manager.available() == {"scaled": [2]}  # what is loaded goes on until the folder comes
    entry.base_path = str(base / "other")
    reloader.reload(moved)
    assert manager.available() == {"scaled": [3]}
    entry.base_path = str(tmp_path)
    reloader.reload(moved)
    assert manager.available() == {"scaled": []}
    reloader.reload(config(base, scaled=()))
    assert manager.available() == {"scaled": [2]}


def test_requests_go_on_while_models_are_reloaded(base: Path) -> None:
    with small_models.Server(options(base / "scaled", allow_reload="anyone")) as server, Stubs(server.port) as stubs:
        for _ in range(3):
            for versions in ((1,), (2,), (1, 2)):
                server.reloader.reload(config(base, scaled=versions))
                assert stubs.scaled([1.0]) == [float(versions[-1])]
