"""What executes the command of a step, and what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from interestflow.kubeflow.backend.specification import Specification, Task
from interestflow.kubeflow.backend.uris import MOUNTS

WORK_FOLDER = "work"
HOME_FOLDER = "home"
TEMPORARY_FOLDER = "tmp"


@dataclass(frozen=True)
class StepCommand:
    """The command of one attempt of a step.

    Attributes:
        task: the step.
        arguments: command and arguments, without placeholders.
        environment: variables that the specification sets, without secrets.
        root: the step's private folder, which stands for `/`.
        log: file that takes the output.
        lock: descriptor of the state's lock, which the command holds as long as it runs.
    """

    task: Task
    arguments: list[str]
    environment: Mapping[str, str]
    root: Path
    log: Path
    lock: int | None = None

    @property
    def inherited(self) -> tuple[int, ...]:
        """Descriptors that the command inherits."""
        return () if self.lock is None else (self.lock,)


class Engine(Protocol):
    """A way to execute commands."""

    def check(self, specification: Specification) -> None:
        """Refuse a specification that this engine cannot execute on this machine, before any step starts."""

    def run(self, command: StepCommand) -> int:
        """Execute a command until it ends and return its exit code; end it and its children when interrupted."""


def make_private_folders(root: Path) -> None:
    """Make the folders that every step finds: those of the launcher, its home, a temporary and an empty one."""
    for name in (*(mount.lstrip("/") for mount in MOUNTS.values()), WORK_FOLDER, HOME_FOLDER, TEMPORARY_FOLDER):
        (root / name).mkdir(parents=True)
