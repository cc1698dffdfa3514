"""What executes the command of a step, and what it is given."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from interestflow.kubeflow.backend.errors import StepError
from interestflow.kubeflow.backend.specification import Specification, Task
from interestflow.kubeflow.backend.uris import MOUNTS

Process = subprocess.Popen[bytes]
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


def run_logged(arguments: list[str], command: StepCommand, stop: Callable[[Process], None], **options: Any) -> int:
    """Run the process of a step with its output in the step's log, and return its exit code.

    Args:
        arguments: program and arguments.
        command: the command of the step.
        stop: called with the process when the step ends or is interrupted, to end what is left of it.
        options: further options of `subprocess.Popen`.

    Raises:
        StepError: the program cannot be started, or runs longer than the step's `activeDeadlineSeconds`.
    """
    deadline = command.task.placement.deadline
    with command.log.open("wb") as log:
        try:
            process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                pass_fds=command.inherited, **options,
            )  # fmt: skip
        except OSError as error:
            raise StepError(f"{arguments[0]} cannot be started: {error.strerror}") from None
        try:
            return process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise StepError(f"ended after {deadline} s (`activeDeadlineSeconds`)") from None
        finally:
            stop(process)


def make_private_folders(root: Path) -> None:
    """Make the folders that every step finds: those of the launcher, its home, a temporary and an empty one."""
    for name in (*(mount.lstrip("/") for mount in MOUNTS.values()), WORK_FOLDER, HOME_FOLDER, TEMPORARY_FOLDER):
        (root / name).mkdir(parents=True)
