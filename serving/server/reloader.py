"""Changes of a server's models while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable

import grpc
from tensorflow_serving.config import model_server_config_pb2

from interestflow.serving.server.configuration import find_problem
from interestflow.serving.server.errors import ServingError, invalid
from interestflow.serving.server.manager import Manager
from interestflow.serving.server.model_state import State
from interestflow.serving.server.versions import aspired_versions, list_versions

POLL_SECONDS = 0.1


class Reloader:
    """Applies new configurations to a manager, one at a time.

    Args:
        manager: manager of the models.
        allow_unavailable_labels: whether a new label may name a version that is not loaded.
    """

    def __init__(self, manager: Manager, allow_unavailable_labels: bool) -> None:
        """Store the manager."""
        self._manager = manager
        self._allow_unavailable_labels = allow_unavailable_labels
        self._reloading = threading.Lock()

    def reload(
        self, config: model_server_config_pb2.ModelServerConfig, is_wanted: Callable[[], bool] = lambda: True
    ) -> None:
        """Serve the models of `config` from now on; return when each new model answers.

        Args:
            config: models to serve.
            is_wanted: function that returns whether the caller still waits; if not, this returns early.

        Raises:
            ServingError: INVALID_ARGUMENT for a configuration that cannot be served, FAILED_PRECONDITION for a label
                of a version that is not loaded or a new model without a version, in which case everything stays as it
                was; UNKNOWN where a new model cannot be loaded.
        """
        problem = find_problem(config)
        if problem is not None:
            raise invalid(problem)
        while not self._reloading.acquire(timeout=POLL_SECONDS):
            if not is_wanted():
                return
        try:
            self._check_labels(config)
            new = self._new_models(config)
            self._manager.configure(config)
            self._manager.poll()
            while not self._are_settled(new):
                if not is_wanted():
                    return
                self._manager.wait_for(lambda: self._are_settled(new), POLL_SECONDS)
                self._manager.poll()
            self._check_loaded(new)
        finally:
            self._reloading.release()

    def _check_labels(self, config: model_server_config_pb2.ModelServerConfig) -> None:
        available = self._manager.available()
        for entry in config.model_config_list.config:
            known = self._manager.labels(entry.name)
            for label, version_number in entry.version_labels.items():
                is_moved = known.get(label, version_number) != version_number
                if version_number not in available.get(entry.name, []) and (
                    is_moved or not self._allow_unavailable_labels
                ):
                    raise ServingError(
                        grpc.StatusCode.FAILED_PRECONDITION,
                        f"label {label} of {entry.name} should be of an available version, received {version_number}",
                    )

    def _new_models(self, config: model_server_config_pb2.ModelServerConfig) -> list[str]:
        """Return the names of the models that `config` adds.

        TensorFlow Serving waits for the first version of a new model where there is none, and answers no other
        reload meanwhile, not even the one that would take the model away. So such a model is refused here.
        """
        known = self._manager.available()
        new = [entry for entry in config.model_config_list.config if entry.name not in known]
        for entry in new:
            folders = list_versions(entry.base_path)
            if not aspired_versions(list(folders or {}), entry.model_version_policy):
                wanted = ", ".join(map(str, entry.model_version_policy.specific.versions))
                raise ServingError(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    f"the new model {entry.name} should have {f'version {wanted}' if wanted else 'a version'} in "
                    f"{entry.base_path}, received {'no such folder' if folders is None else 'a folder without it'}",
                )
        return [entry.name for entry in new]

    def _are_settled(self, names: list[str]) -> bool:
        """Return whether each model answers, or all its versions have failed."""
        states = [{version.state for version in self._manager.aspired(name)} for name in names]
        return all(State.AVAILABLE in known or known <= {State.END} for known in states)

    def _check_loaded(self, names: list[str]) -> None:
        aspired = {name: self._manager.aspired(name) for name in names}
        failed = [name for name in names if all(version.state != State.AVAILABLE for version in aspired[name])]
        if failed:
            reasons = [
                f"version {version.number} of {name}: {version.code.name}: {version.error}"
                for name in failed
                for version in aspired[name]
            ]
            raise ServingError(
                grpc.StatusCode.UNKNOWN, f"{len(failed)} model(s) did not become available: {'; '.join(reasons)}"
            )
