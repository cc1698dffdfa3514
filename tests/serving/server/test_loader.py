"""Loading of one version: states, retries, observers and failure messages."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import grpc
import pytest

from interestflow.serving.server.errors import ServingError
from interestflow.serving.server.limits import RequestLimits
from interestflow.serving.server.loader import Loader, describe_failure
from interestflow.serving.server.model_state import Model, State, Version
from interestflow.serving.server.servable import Servable
from interestflow.serving.session_model import InvalidSavedModelError, MissingSavedModelError, ModelLoadError
from tests.serving.server.small_models import write_scaled


class Recorder:
    """An observer that records its events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, int]] = []

    def loaded(self, model: str, version: int, seconds: float) -> None:
        assert seconds > 0.0
        self.events.append(("loaded", model, version))

    def failed(self, model: str, version: int) -> None:
        self.events.append(("failed", model, version))

    def unloaded(self, model: str, version: int) -> None:
        self.events.append(("unloaded", model, version))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scaled(tmp_path_factory.mktemp("scaled"), 1)


def loader(recorder: Recorder, warm_up: object = None, retry_seconds: float = 60.0) -> Loader:
    return Loader(threading.Condition(), warm_up, recorder, retry_seconds, RequestLimits())  # type: ignore[arg-type]


def test_a_version_is_warmed_up_served_and_unloaded(folder: Path) -> None:
    recorder, model, version = Recorder(), Model("scaled"), Version(1, str(folder))
    states: list[int] = []

    def warm_up(servable: Servable) -> None:
        states.append(version.state)
        assert (servable.name, servable.version) == ("scaled", 1)

    loading = loader(recorder, warm_up)
    loading.load(model, version)
    assert states == [State.LOADING]
    assert version.state == State.AVAILABLE
    assert version.servable is not None
    loading.unload(model, version)
    assert (version.state, version.servable) == (State.END, None)
    assert recorder.events == [("loaded", "scaled", 1), ("unloaded", "scaled", 1)]


def test_a_version_in_use_is_closed_after_its_last_request(folder: Path) -> None:
    changed, version = threading.Condition(), Version(1, str(folder))
    loading = Loader(changed, None, None, 60.0, RequestLimits())
    loading.load(Model("scaled"), version)
    version.users = 1
    loading.unload(Model("scaled"), version)
    assert version.state == State.UNLOADING
    assert version.servable is not None
    with changed:
        version.users = 0
        changed.notify_all()
        assert changed.wait_for(lambda: version.state == State.END, timeout=60)
    assert version.servable is None


def test_a_version_that_cannot_answer_its_warm_up_is_not_served(folder: Path) -> None:
    def warm_up(servable: Servable) -> None:
        raise ServingError(grpc.StatusCode.INVALID_ARGUMENT, "warm-up request 0 cannot be answered")

    recorder, version = Recorder(), Version(1, str(folder))
    loader(recorder, warm_up).load(Model("scaled"), version)
    assert (version.state, version.code) == (State.END, grpc.StatusCode.INVALID_ARGUMENT)
    assert version.error == "warm-up request 0 cannot be answered"
    assert (version.servable, version.has_failed) == (None, True)
    assert recorder.events == [("failed", "scaled", 1)]


def test_retries_are_counted_and_then_it_ends(tmp_path: Path) -> None:
    recorder, version = Recorder(), Version(2, str(tmp_path))
    loading = loader(recorder, retry_seconds=5.0)
    loading.load(Model("scaled"), version, retries=1)
    assert (version.state, version.attempts, version.error) == (State.LOADING, 1, "")
    assert 4.0 < version.retry_at - time.monotonic() <= 5.0
    loading.load(Model("scaled"), version, retries=1)
    assert (version.state, version.attempts, version.code) == (State.END, 2, grpc.StatusCode.NOT_FOUND)
    assert "does not appear to contain a SavedModel bundle" in version.error
    assert recorder.events == [("failed", "scaled", 2)] * 2


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (ServingError(grpc.StatusCode.UNIMPLEMENTED, "no"), grpc.StatusCode.UNIMPLEMENTED, "no"),
        (RuntimeError("odd"), grpc.StatusCode.INTERNAL, "/m/1 cannot be loaded: odd"),
        (ModelLoadError("/m/1 has no graph", 5), grpc.StatusCode.NOT_FOUND, "/m/1 has no graph"),
        (ModelLoadError("odd", 99), grpc.StatusCode.INTERNAL, "odd"),
        (
            InvalidSavedModelError("x", 15),
            grpc.StatusCode.DATA_LOSS,
            "Can't parse /m/1/saved_model.pb as binary proto",
        ),
        (
            MissingSavedModelError("x", 5),
            grpc.StatusCode.NOT_FOUND,
            "Specified file path does not appear to contain a SavedModel bundle (should have a file called "
            "`saved_model.pb`)\nSpecified file path: /m/1",
        ),
    ],
)
def test_failures_have_the_words_of_tensorflow(error: Exception, code: grpc.StatusCode, sentence: str) -> None:
    assert describe_failure(Version(1, "/m/1"), error) == (code, sentence)
