"""Loading and unloading of the versions of all models, and their use by requests."""

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

    An aspired version is loaded and warmed up before any request reaches it. One that is no longer aspired is unloaded
    once another answers, and closed when its last request has ended; so a version that cannot be loaded never replaces
    one that answers.

    Args:
        options: options of the server.
        warm_up: function called with each version before it answers requests; its errors count as errors of loading.
        observer: observer of loads and unloads.
    """

    def __init__(
        self,
        options: ServerOptions,
        warm_up: Callable[[Servable], None] | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Take over the configuration; `start` begins to load."""
        self._options = options
        self._changed = threading.Condition()
        limits = RequestLimits(options.max_candidates, options.max_expanded_bytes)
        self._loader = Loader(self._changed, warm_up, observer, options.load_retry_seconds, limits)
        self._polling = threading.Lock()
        self._models: dict[str, Model] = {}
        self._labels: dict[str, dict[str, int]] = {}
        self._has_polled = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_polling, name="versions", daemon=True)
        self.configure(options.models)

    def start(self) -> None:
        """Load the versions that exist and poll from then on; return after the first poll."""
        self._thread.start()
        while not self._has_polled.wait(0.1) and not self._stopping.is_set():
            pass

    def stop(self, timeout: float | None = None) -> None:
        """Stop polling, and wait at most `timeout` seconds for a load under way; loaded versions stay."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    @contextmanager
    def use(self, name: str, version: int | None = None, label: str | None = None) -> Iterator[Servable]:
        """Yield the requested version, or the newest, which stays loaded inside.

        Raises:
            ServingError: NOT_FOUND for a model or version that does not answer, INVALID_ARGUMENT for an unknown
                label, UNAVAILABLE while the server starts.
        """
        with self._changed:
            used = self._find_version(name, version, label)
            used.users += 1
        try:
            assert used.servable is not None
            yield used.servable
        finally:
            with self._changed:
                used.users -= 1
                self._changed.notify_all()

    def statuses(self, name: str, version: int | None = None) -> list[Version]:
        """Return the known versions of a model, the newest first.

        Raises:
            ServingError: NOT_FOUND where none is known.
        """
        with self._changed:
            versions = self._models[name].versions if name in self._models else {}
            if version is not None:
                if version not in versions:
                    raise not_found(f"Could not find version {version} of model {name}")
                return [versions[version]]
            if not versions:
                raise not_found(f"Could not find any versions of model {name}")
            return [versions[version_number] for version_number in sorted(versions, reverse=True)]

    def available(self) -> dict[str, list[int]]:
        """Return the versions that answer, by model."""
        with self._changed:
            return {name: model.available() for name, model in self._models.items() if model.configured}

    def aspired(self, name: str) -> list[Version]:
        """Return the aspired versions of a model; none of a model that is not configured."""
        with self._changed:
            model = self._models.get(name)
            return [model.versions[version_number] for version_number in model.aspired] if model is not None else []

    def in_use(self) -> bool:
        """Return whether any request is running."""
        with self._changed:
            return any(version.users for model in self._models.values() for version in model.versions.values())

    def labels(self, name: str) -> dict[str, int]:
        """Return the version of each label of a model."""
        with self._changed:
            return dict(self._labels.get(name, {}))

    def configure(self, config: model_server_config_pb2.ModelServerConfig) -> None:
        """Serve the models of `config` from the next poll on; labels move at once."""
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
        """List the folders once, load aspired versions, and unload those that no longer are."""
        with self._polling:
            with self._changed:
                models = list(self._models.values())
            for model in models:
                self._update(model)

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until `condition`, which is checked whenever a state changes, holds; return whether it does."""
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def _keep_polling(self) -> None:
        while True:
            try:
                self.poll()
            except Exception:  # the next poll may succeed, and loaded versions go on answering
                log.exception("looking for versions failed")
            self._has_polled.set()
            seconds = self._options.poll_seconds
            if seconds <= 0 and any(model.versions_in_state(State.LOADING) for model in list(self._models.values())):
                seconds = self._options.load_retry_seconds  # a version is still to be retried
            if seconds <= 0 or self._stopping.wait(seconds):
                return

    def _find_version(self, name: str, version: int | None, label: str | None) -> Version:
        if label is not None:
            labels = self._labels.get(name, {})
            if label not in labels:
                raise invalid(f"Unrecognized servable version label: {label}")
            version = labels[label]
        model = self._models.get(name)
        available = model.available() if model is not None else []
        version_number = version if version is not None else available[-1] if available else None
        if model is not None and version_number in available:
            return model.versions[version_number]
        shown = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        # TensorFlow Serving does not listen before it has loaded the versions that exist, which clients see as
        # UNAVAILABLE.
        if model is not None and not self._has_polled.is_set():
            raise ServingError(grpc.StatusCode.UNAVAILABLE, f"The server is starting: {shown}")
        raise not_found(f"Servable not found for request: {shown}")

    def _update(self, model: Model) -> None:
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
        for version_number in model.fallbacks():
            self._load_fallback(model, version_number)
        with self._changed:
            model.forget_ended()

    def _is_retrying(self, model: Model) -> bool:
        """Retry the version that is LOADING where its time has come; return whether one still is.

        Until its retries end nothing else of the model is loaded or unloaded, as in TensorFlow Serving. They end at
        once where the folder or the model is gone.
        """
        for version_number in model.versions_in_state(State.LOADING):
            version = model.versions[version_number]
            if not model.configured or not has_folder(version.folder):
                with self._changed:
                    version.state = State.END
                    self._changed.notify_all()
            elif time.monotonic() >= version.retry_at or folder_state(version.folder) != version.failed_as:
                self._loader.load(model, version, self._options.load_retries)
        return bool(model.versions_in_state(State.LOADING))

    def _aspire(self, model: Model) -> None:
        """List the versions of a model, and set which of them are aspired."""
        folders = list_versions(model.base_path) if model.configured else {}
        if folders is None:  # loaded versions stay until the folder is back
            return
        numbers = aspired_versions(list(folders), model.policy)
        failed = {
            version_number: model.versions[version_number].failed_as
            for version_number in model.versions_in_state(State.END)
            if version_number in numbers
        }
        changed = [n for n, state in failed.items() if state is not None and state != folder_state(folders[n])]
        with self._changed:
            model.folders = folders
            for version_number in changed:  # completed or repaired since
                model.versions[version_number] = Version(version_number, folders[version_number])
            model.aspire(numbers)

    def _load_fallback(self, model: Model, version_number: int) -> None:
        """Load an older version, unless another was loaded meanwhile, or this one has failed before."""
        known = model.versions.get(version_number)
        if model.available() or (known is not None and known.failed_as == folder_state(model.folders[version_number])):
            return
        with self._changed:
            version = model.versions[version_number] = Version(version_number, model.folders[version_number])
        self._loader.load(model, version)
        if version.state == State.AVAILABLE:
            log.warning("version %d of %s is served, since no newer one can be loaded", version_number, model.name)
