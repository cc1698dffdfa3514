"""Which versions are loaded: follows the folders, loads before it switches, and lets go of what is no longer used."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
from tensorflow_serving.apis import get_model_status_pb2
from tensorflow_serving.config import model_server_config_pb2

from serving.server.configuration import problem_of
from serving.server.errors import ServingError, invalid, not_found
from serving.server.servable import LoadError, Servable
from serving.server.versions import Policy, aspired_versions, complete_versions, state_of

log = logging.getLogger("interestflow.serving")
State = get_model_status_pb2.ModelVersionStatus.State
KEPT_STATUSES = 16
"""Versions that have ended, of which the status is still told."""


class Observer(Protocol):
    """Is told what is loaded, to count it."""

    def loaded(self, model: str, version: int, seconds: float) -> None: ...
    def failed(self, model: str, version: int) -> None: ...
    def unloaded(self, model: str, version: int) -> None: ...


@dataclass
class Version:
    """One version and where it is in its life; `users` are the requests under way in it."""

    number: int
    folder: str
    state: int = State.LOADING
    error: str = ""
    failed_as: tuple[Any, ...] | None = None
    servable: Servable | None = None
    users: int = 0


@dataclass
class Model:
    """One model as configured, and its versions by number."""

    name: str
    base_path: str
    policy: Any
    labels: dict[str, int] = field(default_factory=dict)
    versions: dict[int, Version] = field(default_factory=dict)

    def available(self) -> list[int]:
        return sorted(number for number, version in self.versions.items() if version.state == State.AVAILABLE)


class Manager:
    """Loads and unloads versions of models in a thread of its own.

    A version that should be served is loaded and warmed up before any request reaches it. One that should not be any
    longer is let go only once another is available, when the last request in it has ended; so a version that
    cannot be loaded never takes the place of one that answers.

    Args:
        config: the models.
        poll_seconds: between looks at the folders; 0 looks once.
        drain_seconds: that requests are given before a version is unloaded under them.
        warm_up: called with each version before it answers requests; an error that it raises is that of loading.
        observer: of loads and unloads.
    """

    def __init__(
        self,
        config: model_server_config_pb2.ModelServerConfig,
        *,
        poll_seconds: float = 1.0,
        drain_seconds: float = 30.0,
        warm_up: Callable[[Servable], None] | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._poll_seconds = poll_seconds
        self._drain_seconds = drain_seconds
        self._warm_up = warm_up
        self._observer = observer
        self._changed = threading.Condition()
        self._polling = threading.Lock()
        self._models: dict[str, Model] = {}
        self._leaving: list[Model] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._configure(config)

    def start(self) -> None:
        """Loads what there is, then goes on looking. Returns when the first look is over."""
        self.poll()
        if self._poll_seconds > 0:
            self._thread = threading.Thread(target=self._look, name="versions", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stops looking; what is loaded stays until the process ends."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def use(self, name: str, version: int | None = None, label: str | None = None) -> Iterator[Servable]:
        """A version, which stays loaded inside: the one asked for, or the newest.

        Raises:
            ServingError: NOT_FOUND for an unknown model or version, UNAVAILABLE while the first is being loaded,
                INVALID_ARGUMENT for an unknown label.
        """
        with self._changed:
            found = self._find(name, version, label)
            found.users += 1
        try:
            assert found.servable is not None
            yield found.servable
        finally:
            with self._changed:
                found.users -= 1
                self._changed.notify_all()

    def statuses(self, name: str, version: int | None = None, label: str | None = None) -> list[Version]:
        """What is known of the versions of a model, the newest first.

        Raises:
            ServingError: NOT_FOUND where nothing is.
        """
        with self._changed:
            model = self._models.get(name)
            number = self._labelled(name, label) if label else version
            if model is None:
                raise not_found(f"Could not find any versions of model {name}")
            found = [each for each in model.versions.values() if number is None or each.number == number]
            if not found:
                raise not_found(f"Could not find {'any versions' if number is None else f'version {number}'} of {name}")
            return sorted(found, key=lambda each: -each.number)

    def available(self) -> dict[str, list[int]]:
        """Versions that answer, by model."""
        with self._changed:
            return {name: model.available() for name, model in self._models.items()}

    def reload(self, config: model_server_config_pb2.ModelServerConfig) -> None:
        """Serves what `config` says from now on; returns when that is loaded.

        Raises:
            ServingError: INVALID_ARGUMENT for a configuration that cannot be served, FAILED_PRECONDITION where a
                label would stand for a version that is not available; then all stays as it was.
        """
        problem = problem_of(config)
        if problem is not None:
            raise invalid(problem)
        before = self._config
        # Labels move when what they stand for is there, so that no request by a label finds nothing meanwhile.
        self._configure(config, move_labels=False)
        self.poll()
        with self._changed:
            wrong = [
                f"label {label} of {entry.name} to version {number}"
                for entry in config.model_config_list.config
                for label, number in entry.version_labels.items()
                if number not in self._models[entry.name].available()
            ]
        if wrong:
            self._configure(before)
            self.poll()
            raise ServingError(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"a label can be given to an available version alone, received {'; '.join(wrong)}",
            )
        self._configure(config)

    def poll(self) -> None:
        """Looks at the folders once, loads what should be served, and unloads what should not be any longer."""
        with self._polling:
            with self._changed:
                models = list(self._models.values())
            for model in models:
                self._follow(model)
            with self._changed:
                leaving, self._leaving = self._leaving, []
            for model in leaving:
                for version in list(model.versions.values()):
                    self._unload(model, version)

    def _look(self) -> None:
        while not self._stopping.wait(self._poll_seconds):
            try:
                self.poll()
            except Exception:  # the next look may succeed, and what is loaded goes on answering
                log.exception("looking for versions failed")

    def _configure(self, config: model_server_config_pb2.ModelServerConfig, move_labels: bool = True) -> None:
        """Follows `config` from the next look on; without `move_labels`, labels of models that are known stay."""
        with self._changed:
            before, self._models = self._models, {}
            for entry in config.model_config_list.config:
                known = before.get(entry.name)
                if known is not None and known.base_path == entry.base_path:
                    model = before.pop(entry.name)
                else:
                    model = Model(entry.name, entry.base_path, Policy())
                model.policy = entry.model_version_policy
                if move_labels:
                    model.labels = dict(entry.version_labels)
                self._models[entry.name] = model
            self._leaving += before.values()
            if move_labels:
                self._config = type(config).FromString(config.SerializeToString())

    def _find(self, name: str, version: int | None, label: str | None) -> Version:
        model = self._models.get(name)
        if model is None:
            raise not_found(f"Servable not found for request: Latest({name})")
        number = self._labelled(name, label) if label else version
        available = model.available()
        if number is None:
            if available:
                return model.versions[available[-1]]
            shown = f"Latest({name})"
        else:
            found = model.versions.get(number)
            if found is not None and found.state == State.AVAILABLE:
                return found
            shown = f"Specific({name}, {number})"
        asked_for = [each for each in model.versions.values() if number is None or each.number == number]
        if any(each.state in (State.START, State.LOADING) for each in asked_for):
            raise ServingError(grpc.StatusCode.UNAVAILABLE, f"Servable is still being loaded: {shown}")
        raise not_found(f"Servable not found for request: {shown}")

    def _labelled(self, name: str, label: str) -> int:
        model = self._models.get(name)
        if model is None:
            raise not_found(f"Servable not found for request: Latest({name})")
        if label not in model.labels:
            raise invalid(f"Unrecognized servable version label: {label}")
        return model.labels[label]

    def _follow(self, model: Model) -> None:
        complete = complete_versions(model.base_path)
        aspired = aspired_versions(complete, model.policy)
        for number in aspired:
            self._load(model, number)
        if not model.available() and model.policy.WhichOneof("policy_choice") in (None, "latest"):
            aspired += self._last_good(model, [number for number in complete if number not in aspired])
        with self._changed:
            # Without another that answers, the last one goes on, also where its folder is gone.
            replaced = any(number in model.available() for number in aspired)
            leaving = [each for number, each in model.versions.items() if number not in aspired and replaced]
        for version in leaving:
            if version.state == State.AVAILABLE:
                self._unload(model, version)
        with self._changed:
            ended = sorted(number for number, each in model.versions.items()
                           if each.state == State.END and number not in aspired)  # fmt: skip
            for number in ended[:-KEPT_STATUSES]:
                del model.versions[number]

    def _last_good(self, model: Model, older: list[int]) -> list[int]:
        """After a start with a newest version that is broken: the newest of the `older` ones that can be loaded.

        TF Serving would answer nothing; a model that was good yesterday is better than none.
        """
        for number in reversed(older):
            self._load(model, number)
            if model.available():
                log.warning("version %d of %s is served, since no newer one can be", number, model.name)
                return [number]
        return []

    def _load(self, model: Model, number: int) -> None:
        folder = f"{model.base_path.rstrip('/')}/{number}"
        with self._changed:
            known = model.versions.get(number)
            if known is not None and known.state == State.AVAILABLE:
                return
        state = state_of(folder)
        if known is not None and known.failed_as == state:
            return
        version = Version(number, folder)
        with self._changed:
            model.versions[number] = version
        began = time.perf_counter()
        try:
            servable = Servable(model.name, number, folder)
            if self._warm_up is not None:
                self._warm_up(servable)
        except Exception as error:  # whatever is wrong with one version, the others go on answering
            message = str(error) if isinstance(error, LoadError | ServingError) else f"{folder}: {error!r}"
            log.error("version %d of %s is not served: %s", number, model.name, message)
            with self._changed:
                version.state, version.error, version.failed_as = State.END, message, state
                self._changed.notify_all()
            if self._observer is not None:
                self._observer.failed(model.name, number)
            return
        seconds = time.perf_counter() - began
        with self._changed:
            version.servable, version.state = servable, State.AVAILABLE
            self._changed.notify_all()
        log.info("version %d of %s is served, loaded in %.1f s", number, model.name, seconds)
        if self._observer is not None:
            self._observer.loaded(model.name, number, seconds)

    def _unload(self, model: Model, version: Version) -> None:
        with self._changed:
            if version.state != State.AVAILABLE:
                return
            version.state = State.UNLOADING
            self._changed.wait_for(lambda: version.users == 0, timeout=self._drain_seconds)
            version.state, version.servable = State.END, None
            self._changed.notify_all()
        log.info("version %d of %s is no longer served", version.number, model.name)
        if self._observer is not None:
            self._observer.unloaded(model.name, version.number)
