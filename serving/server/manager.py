"""Loads and unloads versions of models, and hands them to requests."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
from tensorflow_serving.config import model_server_config_pb2

from interestflow.serving.server.configuration import ServerOptions
from interestflow.serving.server.errors import ServingError, invalid, not_found
from interestflow.serving.server.limits import RequestLimits
from interestflow.serving.server.loader import Loader, Observer
from interestflow.serving.server.model_state import Model, State, Version
from interestflow.serving.server.servable import Servable
from interestflow.serving.server.versions import aspired_versions, folder_state, has_folder, list_versions

log = logging.getLogger("interestflow.serving")


class Manager:
    """Loads and unloads versions of models in a thread of its own.

    A version that is asked for is loaded and warmed up before any request reaches it. One that is no longer asked for
    leaves once another answers, and is closed when the last request in it has ended; so a version that cannot be
    loaded never takes the place of one that answers.

    Args:
        options: of the server.
        warm_up: called with each version before it answers requests; an error that it raises is one of loading.
        observer: of loads and unloads.
    """

    def __init__(
        self,
        options: ServerOptions,
        warm_up: Callable[[Servable], None] | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._options = options
        self._changed = threading.Condition()
        limits = RequestLimits(options.max_candidates, options.max_expanded_bytes)
        self._loader = Loader(self._changed, warm_up, observer, options.load_retry_seconds, limits)
        self._polling = threading.Lock()
        self._models: dict[str, Model] = {}
        self._labels: dict[str, dict[str, int]] = {}
        self._has_looked = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, name="versions", daemon=True)
        self.configure(options.models)

    def start(self) -> None:
        """Load what there is, then go on looking. Returns when the first look is over."""
        self._thread.start()
        while not self._has_looked.wait(0.1) and not self._stopping.is_set():
            pass

    def stop(self, timeout: float | None = None) -> None:
        """Stop looking, which a load under way may put off for `timeout` seconds at most; what is loaded stays."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    @contextmanager
    def use(self, name: str, version: int | None = None, label: str | None = None) -> Iterator[Servable]:
        """Give a version, which stays loaded inside: the one asked for, or the newest.

        Raises:
            ServingError: NOT_FOUND for a model or version that does not answer, INVALID_ARGUMENT for an unknown
                label, UNAVAILABLE while the server starts.
        """
        with self._changed:
            used = self._find(name, version, label)
            used.users += 1
        try:
            assert used.servable is not None
            yield used.servable
        finally:
            with self._changed:
                used.users -= 1
                self._changed.notify_all()

    def statuses(self, name: str, version: int | None = None) -> list[Version]:
        """Return what is known of a model's versions, the newest first.

        Raises:
            ServingError: NOT_FOUND where nothing is.
        """
        with self._changed:
            versions = self._models[name].versions if name in self._models else {}
            if version is not None:
                if version not in versions:
                    raise not_found(f"Could not find version {version} of model {name}")
                return [versions[version]]
            if not versions:
                raise not_found(f"Could not find any versions of model {name}")
            return [versions[number] for number in sorted(versions, reverse=True)]

    def available(self) -> dict[str, list[int]]:
        """Return the versions that answer, by model."""
        with self._changed:
            return {name: model.available() for name, model in self._models.items() if model.configured}

    def aspired(self, name: str) -> list[Version]:
        """Return the versions of a model that are asked for; none of a model that is not configured."""
        with self._changed:
            model = self._models.get(name)
            return [model.versions[number] for number in model.aspired] if model is not None else []

    def in_use(self) -> bool:
        """Return whether requests run."""
        with self._changed:
            return any(version.users for model in self._models.values() for version in model.versions.values())

    def labels(self, name: str) -> dict[str, int]:
        """Return the versions of a model's labels."""
        with self._changed:
            return dict(self._labels.get(name, {}))

    def configure(self, config: model_server_config_pb2.ModelServerConfig) -> None:
        """Serve what `config` says from the next look on; labels move at once."""
        entries = {entry.name: entry for entry in config.model_config_list.config}
        with self._changed:
            self._labels = {name: dict(entry.version_labels) for name, entry in entries.items()}
            self._models = {name: model for name, model in self._models.items() if name in entries or model.versions}
            for name, model in self._models.items():
                model.configured = name in entries
            for name, entry in entries.items():
                model = self._models.setdefault(name, Model(name))
                model.base_path, model.policy = entry.base_path, entry.model_version_policy

    def poll(self) -> None:
        """Look at the folders once, load what is asked for, and unload what is not any longer."""
        with self._polling:
            with self._changed:
                models = list(self._models.values())
            for model in models:
                self._follow(model)

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until `condition`, which is checked whenever a state changes, holds; return whether it does."""
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def _look(self) -> None:
        while True:
            try:
                self.poll()
            except Exception:  # the next look may succeed, and what is loaded goes on answering
                log.exception("looking for versions failed")
            self._has_looked.set()
            seconds = self._options.poll_seconds
            if seconds <= 0 and any(model.versions_in_state(State.LOADING) for model in list(self._models.values())):
                seconds = self._options.load_retry_seconds  # a version is still to be tried again
            if seconds <= 0 or self._stopping.wait(seconds):
                return

    def _find(self, name: str, version: int | None, label: str | None) -> Version:
        if label is not None:
            labels = self._labels.get(name, {})
            if label not in labels:
                raise invalid(f"Unrecognized servable version label: {label}")
            version = labels[label]
        model = self._models.get(name)
        available = model.available() if model is not None else []
        number = version if version is not None else available[-1] if available else None
        if model is not None and number in available:
            return model.versions[number]
        shown = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        # TensorFlow Serving does not listen before it has loaded what there is, which clients see as UNAVAILABLE.
        if model is not None and not self._has_looked.is_set():
            raise ServingError(grpc.StatusCode.UNAVAILABLE, f"The server is starting: {shown}")
        raise not_found(f"Servable not found for request: {shown}")

    def _follow(self, model: Model) -> None:
        if not self._is_retrying(model):
            self._aspire(model)
            while (action := model.next_action()) is not None and not self._stopping.is_set():
                version = model.versions[action.number]
                if action.kind == "unload":
                    self._loader.unload(model, version)
                else:
                    self._loader.load(model, version, self._options.load_retries)
                    if version.state == State.LOADING:
                        break
        for number in model.fallbacks():
            self._load_fallback(model, number)
        with self._changed:
            model.forget_ended()

    def _is_retrying(self, model: Model) -> bool:
        """Try to load the version that is LOADING again where its time has come; return whether one still is.

        Until its retries are over nothing else of the model is loaded or unloaded, as in TensorFlow Serving. They are
        over at once where the folder or the model is gone.
        """
        for number in model.versions_in_state(State.LOADING):
            version = model.versions[number]
            if not model.configured or not has_folder(version.folder):
                with self._changed:
                    version.state = State.END
                    self._changed.notify_all()
            elif time.monotonic() >= version.retry_at or folder_state(version.folder) != version.failed_as:
                self._loader.load(model, version, self._options.load_retries)
        return bool(model.versions_in_state(State.LOADING))

    def _aspire(self, model: Model) -> None:
        """Look which versions of a model there are, and note which of them are asked for."""
        folders = list_versions(model.base_path) if model.configured else {}
        if folders is None:  # what is loaded goes on until the folder is back
            return
        numbers = aspired_versions(list(folders), model.policy)
        failed = {
            number: model.versions[number].failed_as
            for number in model.versions_in_state(State.END)
            if number in numbers
        }
        changed = [n for n, state in failed.items() if state is not None and state != folder_state(folders[n])]
        with self._changed:
            model.folders = folders
            for number in changed:  # written to the end, or repaired
                model.versions[number] = Version(number, folders[number])
            model.aspire(numbers)

    def _load_fallback(self, model: Model, number: int) -> None:
        """Load an older version, unless another has been meanwhile, or this one has failed before."""
        known = model.versions.get(number)
        if model.available() or (known is not None and known.failed_as == folder_state(model.folders[number])):
            return
        with self._changed:
            version = model.versions[number] = Version(number, model.folders[number])
        self._loader.load(model, version)
        if version.state == State.AVAILABLE:
            log.warning("version %d of %s is served, since no newer one can be loaded", number, model.name)
