"""Loading of one version of a model, retries where it fails, and unloading once no request uses it."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

import grpc

from interestflow.serving.server.errors import CODES, ServingError
from interestflow.serving.server.limits import RequestLimits
from interestflow.serving.server.model_state import Model, State, Version
from interestflow.serving.server.servable import Servable
from interestflow.serving.server.versions import folder_state
from interestflow.serving.session_model import (
    SAVED_MODEL,
    InvalidSavedModelError,
    MissingSavedModelError,
    ModelLoadError,
)

log = logging.getLogger("interestflow.serving")


class Observer(Protocol):
    """Counts loads and unloads."""

    def loaded(self, model: str, version: int, seconds: float) -> None:
        """Count a version that was loaded in so many seconds."""

    def failed(self, model: str, version: int) -> None:
        """Count an attempt to load a version that failed."""

    def unloaded(self, model: str, version: int) -> None:
        """Count a version that was unloaded."""


class Loader:
    """Loads and unloads versions. States change while `changed` is held, which is notified.

    Args:
        changed: condition that guards the state of every version.
        warm_up: function called with each version before it answers requests; its errors count as errors of loading.
        observer: observer of loads and unloads.
        retry_seconds: seconds between two attempts to load a version.
        limits: limits of the requests to a version.
    """

    def __init__(
        self,
        changed: threading.Condition,
        warm_up: Callable[[Servable], None] | None,
        observer: Observer | None,
        retry_seconds: float,
        limits: RequestLimits,
    ) -> None:
        """Store what every load needs."""
        self._changed = changed
        self._warm_up = warm_up
        self._observer = observer
        self._retry_seconds = retry_seconds
        self._limits = limits

    def load(self, model: Model, version: Version, retries: int = 0) -> None:
        """Load and warm up a version.

        Afterwards it is AVAILABLE, or LOADING where it failed and will be retried, or else END.

        Args:
            model: the model of the version.
            version: the version.
            retries: number of attempts after the first, altogether.
        """
        files = folder_state(version.folder)
        with self._changed:
            version.state = State.LOADING
            self._changed.notify_all()
        began = time.perf_counter()
        try:
            servable = self._open(model, version)
        except Exception as error:  # an error of any kind in one version must not stop the others
            code, message = describe_failure(version, error)
            then = "is not served" if version.attempts >= retries else f"is tried again in {self._retry_seconds:g} s"
            log.error("version %d of %s %s: %s", version.number, model.name, then, message)
            with self._changed:
                version.attempts, version.failed_as = version.attempts + 1, files
                if version.attempts > retries:
                    version.state, version.code, version.error = State.END, code, message
                else:
                    version.retry_at = time.monotonic() + self._retry_seconds
                self._changed.notify_all()
            if self._observer is not None:
                self._observer.failed(model.name, version.number)
            return
        seconds = time.perf_counter() - began
        with self._changed:
            version.servable, version.state, version.failed_as = servable, State.AVAILABLE, None
            self._changed.notify_all()
        log.info("version %d of %s is served, loaded in %.1f s", version.number, model.name, seconds)
        if self._observer is not None:
            self._observer.loaded(model.name, version.number, seconds)

    def unload(self, model: Model, version: Version) -> None:
        """Withdraw a version from new requests, and close it when its running requests have ended."""
        with self._changed:
            version.state = State.UNLOADING
            in_use = version.users > 0
            self._changed.notify_all()
        if in_use:
            threading.Thread(target=self._close, args=(model, version), name="unload", daemon=True).start()
        else:
            self._close(model, version)

    def _open(self, model: Model, version: Version) -> Servable:
        servable = Servable(model.name, version.number, version.folder, self._limits)
        try:
            if self._warm_up is not None:
                self._warm_up(servable)
        except BaseException:
            servable.close()
            raise
        return servable

    def _close(self, model: Model, version: Version) -> None:
        with self._changed:
            self._changed.wait_for(lambda: version.users == 0)
            servable, version.servable = version.servable, None
        if servable is not None:
            servable.close()
            del servable
            gc.collect()  # graphs refer to themselves; without this some megabytes of each version stay for long
        with self._changed:
            version.state = State.END
            self._changed.notify_all()
        log.info("version %d of %s is no longer served", version.number, model.name)
        if self._observer is not None:
            self._observer.unloaded(model.name, version.number)


def describe_failure(version: Version, error: Exception) -> tuple[grpc.StatusCode, str]:
    """Return the status code and the sentence that GetModelStatus gives for a version that could not be loaded."""
    if isinstance(error, ServingError):
        return error.code, error.message
    if not isinstance(error, ModelLoadError):
        return grpc.StatusCode.INTERNAL, f"{version.folder} cannot be loaded: {error}"
    code = CODES.get(error.code, grpc.StatusCode.INTERNAL)
    # The status is part of an answer, so these two have TensorFlow's own words.
    if isinstance(error, InvalidSavedModelError):
        return code, f"Can't parse {version.folder}/{SAVED_MODEL} as binary proto"
    if isinstance(error, MissingSavedModelError):
        return code, (
            "Specified file path does not appear to contain a SavedModel bundle (should have a file called "
            f"`{SAVED_MODEL}`)\nSpecified file path: {version.folder}"
        )
    return code, str(error)
