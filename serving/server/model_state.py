"""The versions of a model, the state of each, and what is to be done next."""

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

    number: the version.
    folder: the folder that it is loaded from.
    state: where it is in its life, as GetModelStatus tells it.
    code, error: why it could not be loaded; OK and "" unless it ended so.
    failed_as: the files of the folder when loading failed; None where it did not fail.
    attempts: how often loading has failed.
    retry_at: monotonic time of the next attempt while the version is LOADING.
    servable: the loaded model while there is one.
    users: requests that run in it.
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
        return self.failed_as is not None


class Action(NamedTuple):
    """A version to load or to unload."""

    kind: Literal["load", "unload"]
    number: int


@dataclass
class Model:
    """A model and its versions.

    name, base_path, policy: as configured.
    configured: whether the configuration still has it; else its versions leave, and their status is kept.
    folders: versions in the folder, rising.
    aspired: those that the policy asks for.
    versions: all that are known, by number.
    """

    name: str
    base_path: str = ""
    policy: Any = field(default_factory=Policy)
    configured: bool = True
    folders: dict[int, str] = field(default_factory=dict)
    aspired: list[int] = field(default_factory=list)
    versions: dict[int, Version] = field(default_factory=dict)

    def available(self) -> list[int]:
        """Return the versions that answer requests, rising."""
        return self.versions_in_state(State.AVAILABLE)

    def versions_in_state(self, state: int) -> list[int]:
        return sorted(number for number, version in self.versions.items() if version.state == state)

    def aspire(self, numbers: list[int]) -> None:
        """Ask for the versions `numbers`: those that are not there yet start, those that have not begun leave."""
        for number in self.versions_in_state(State.START):
            if number not in numbers:
                del self.versions[number]
        for number in numbers:
            version, is_new = self.versions.get(number), number not in self.aspired
            if version is None or (version.state == State.END and (is_new or not version.has_failed)):
                self.versions[number] = Version(number, self.folders[number])
        self.aspired = numbers

    def next_action(self) -> Action | None:
        """Return what TensorFlow Serving's policy `AvailabilityPreservingPolicy` would do next; None for nothing.

        A version that is no longer asked for leaves once another that is asked for answers, or where none is asked
        for. Of those to load, the newest is first.
        """
        available = self.available()
        leaving = [number for number in available if number not in self.aspired]
        if leaving and (len(leaving) < len(available) or not self.aspired or len(leaving) > 1):
            return Action("unload", leaving[0])
        starting = self.versions_in_state(State.START)
        return Action("load", starting[-1]) if starting else None

    def fallbacks(self) -> list[int]:
        """Return older versions to try, newest first, where the newest cannot be loaded and no version answers.

        TensorFlow Serving would end at its start. A local server had better answer with what was good yesterday.
        """
        by_age = self.policy.WhichOneof("policy_choice") in (None, "latest")
        if not (self.configured and by_age and self.aspired) or self.available():
            return []
        if not all(self.versions[number].has_failed for number in self.aspired):
            return []
        return sorted((number for number in self.folders if number not in self.aspired), reverse=True)

    def forget_ended(self) -> None:
        """Drop the oldest of the versions that have ended."""
        ended = [number for number in self.versions_in_state(State.END) if number not in self.aspired]
        for number in ended[:-MAX_ENDED]:
            del self.versions[number]
