"""Polling of `models.config` for changes while a server runs."""

from __future__ import annotations

import logging
import threading

from interestflow.serving.server.configuration import read_models
from interestflow.serving.server.errors import ServerConfigurationError, ServingError
from interestflow.serving.server.reloader import Reloader

log = logging.getLogger("interestflow.serving")


class ModelsFile:
    """Polls `models.config`, and serves the models that it lists.

    A file that cannot be read or served changes nothing, and is read again at the next check.

    Args:
        path: path of the file.
        seconds: seconds between two checks.
        reloader: reloader of the models.
    """

    def __init__(self, path: str, seconds: float, reloader: Reloader) -> None:
        """Start without a known content; `start` begins to check."""
        self._path, self._seconds, self._reloader = path, seconds, reloader
        self._problem = ""
        self._served: bytes | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start to check in a thread."""
        threading.Thread(target=self._keep_checking, name="models.config", daemon=True).start()

    def stop(self) -> None:
        """Stop checking."""
        self._stopping.set()

    def check(self) -> None:
        """Serve the models of the file if it has changed."""
        try:
            config = read_models(self._path)
            content = config.SerializeToString(deterministic=True)
            if content != self._served:
                self._reloader.reload(config, lambda: not self._stopping.is_set())
                log.info("%s is served as it is now", self._path)
            self._served, self._problem = content, ""
        except (ServerConfigurationError, ServingError) as error:
            if str(error) != self._problem:  # log it once, not at each check
                log.error("%s is not followed: %s", self._path, error)
            self._problem = str(error)

    def _keep_checking(self) -> None:
        while not self._stopping.wait(self._seconds):
            self.check()
