"""State of a model and of its versions, and the next action of its policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import grpc
from tensorflow_serving.apis import get_model_status_pb2

from interestflow.serving.server.servable import Servable
from interestflow.serving.server.versions import Policy

State = get_model_status_pb2.ModelVersionStatus.State
MAX_ENDED = 16
"""Versions that have ended whose status is kept, for each model."""


@dataclass
class Version:
    """A version of a model.

    Attributes:
        number: number of the version.
        folder: folder that it is loaded from.
        state: state that GetModelStatus reports.
        code: status code of the error that ended loading; OK without one.
        error: message of that error; "" without one.
        failed_as: files of the folder when loading failed; None where it did not fail.
        attempts: number of failed attempts to load it.
        retry_at: monotonic time of the next attempt while the version is LOADING.
        servable: the loaded model while there is one.
        users: number of requests that run in it.
    """

    number: int
    folder: str
    state: int = State.START
    code: grpc.StatusCode = grpc.StatusCode.OK
    error: str = ""
    failed_as: tuple[Any, ...] | None = None
    attempts: int = 0
    retry_at: float = 0.0
    servable: Servable | None = None
    users: int = 0

    @property
    def has_failed(self) -> bool:
        """Whether the last attempt to load the version failed."""
        return self.failed_as is not None


class Action(NamedTuple):
    """A version to load or to unload."""

    kind: Literal["load", "unload"]
    number: int


@dataclass
class Model:
    """A model and its versions.

    Attributes:
        name: name of the model.
        base_path: folder of its versions, as configured.
        policy: version policy, as configured.
        configured: whether the configuration still has it; otherwise its versions are unloaded, and their status stays.
        folders: folders of the versions by number, ascending.
        aspired: numbers of the versions that the policy asks for.
        versions: all known versions by number.
    """

    name: str
    base_path: str = ""
    policy: Any = field(default_factory=Policy)
    configured: bool = True
    folders: dict[int, str] = field(default_factory=dict)
    aspired: list[int] = field(default_factory=list)
    versions: dict[int, Version] = field(default_factory=dict)

    def available(self) -> list[int]:
        """Return the numbers of the versions that answer requests, ascending."""
        return self.versions_in_state(State.AVAILABLE)

    def versions_in_state(self, state: int) -> list[int]:
        """Return the numbers of the versions in a state, ascending."""
        return sorted(version_number for version_number, version in self.versions.items() if version.state == state)

    def aspire(self, numbers: list[int]) -> None:
        """Set the aspired versions: new ones start, and others that have not begun to load are dropped."""
        for version_number in self.versions_in_state(State.START):
            if version_number not in numbers:
                del self.versions[version_number]
        for version_number in numbers:
            version, is_new = self.versions.get(version_number), version_number not in self.aspired
            if version is None or (version.state == State.END and (is_new or not version.has_failed)):
                self.versions[version_number] = Version(version_number, self.folders[version_number])
        self.aspired = numbers

    def next_action(self) -> Action | None:
        """Return the next action of TensorFlow Serving's `AvailabilityPreservingPolicy`; None where there is none.

        A version that is no longer aspired is unloaded once an aspired one answers, or where none is aspired. Of those
        to load, the newest is first.
        """
        available = self.available()
        leaving = [version_number for version_number in available if version_number not in self.aspired]
        if leaving and (len(leaving) < len(available) or not self.aspired or len(leaving) > 1):
            return Action("unload", leaving[0])
        starting = self.versions_in_state(State.START)
        return Action("load", starting[-1]) if starting else None

    def fallbacks(self) -> list[int]:
        """Return older versions to try, newest first, where the newest cannot be loaded and no version answers.

        TensorFlow Serving would end at its start. A local server is more useful with the last version that works.
        """
        by_age = self.policy.WhichOneof("policy_choice") in (None, "latest")
        if not (self.configured and by_age and self.aspired) or self.available():
            return []
        if not all(self.versions[version_number].has_failed for version_number in self.aspired):
            return []
        return sorted(
            (version_number for version_number in self.folders if version_number not in self.aspired), reverse=True
        )

    def forget_ended(self) -> None:
        """Drop the oldest of the versions that have ended."""
        ended = [
            version_number for version_number in self.versions_in_state(State.END) if version_number not in self.aspired
        ]
        for version_number in ended[:-MAX_ENDED]:
            del self.versions[version_number]
