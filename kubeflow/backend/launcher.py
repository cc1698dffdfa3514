"""One attempt of a step in a private folder: inputs are fetched, the command runs, outputs are stored, all is wiped."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interestflow.kubeflow.backend.engine import Engine, StepCommand, make_private_folders
from interestflow.kubeflow.backend.errors import StepError
from interestflow.kubeflow.backend.executor_input import LOGS, session_info
from interestflow.kubeflow.backend.executor_output import (
    output_artifacts,
    output_parameters,
    read_executor_output,
    upload_path,
)
from interestflow.kubeflow.backend.object_store import ObjectStore
from interestflow.kubeflow.backend.placeholders import command_line
from interestflow.kubeflow.backend.specification import Task
from interestflow.kubeflow.backend.transfer import download, path_in_step, upload
from interestflow.kubeflow.backend.uris import bucket_of, local_path

SHORTEST_MASKED_SECRET = 6
"""Shorter values are not masked in a log: they would be found everywhere."""
MASK = b"***"
_ROOT_FOLDER = "root"
_LOG_TAIL = 65_536


@dataclass(frozen=True)
class LauncherOutputs:
    """What an attempt stored: URI and metadata of each artifact, and parameters, by name of the output."""

    artifacts: Mapping[str, tuple[str, Mapping[str, Any]]]
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Launcher:
    """Runs attempts of steps.

    Attributes:
        store: where artifacts are kept.
        engine: what executes commands.
        root: root of the run.
        folder: folder of the private folders.
        logs: folder that keeps a copy of every log.
        lock: descriptor of the state's lock.
    """

    store: ObjectStore
    engine: Engine
    root: str
    folder: Path
    logs: Path
    lock: int | None = None

    def launch(self, task: Task, executor_input: Mapping[str, Any], attempt: str) -> LauncherOutputs:
        """Run one attempt.

        Args:
            task: the step.
            executor_input: its executor input.
            attempt: name of the private folder and of the log.

        Raises:
            StepError: the attempt failed; with its log, if the command was started.
        """
        private = self.folder / attempt
        root = private / _ROOT_FOLDER
        log = self.logs / f"{attempt}.log"
        shutil.rmtree(private, ignore_errors=True)
        try:
            make_private_folders(root)
            self._download(executor_input, root)
            _make_parents(executor_input, root)
            command = StepCommand(
                task=task,
                arguments=command_line(task, executor_input),
                environment={variable.name: variable.value for variable in task.container.env},
                root=root,
                log=path_in_step(root, local_path(_log_uri(executor_input)) or ""),
                lock=self.lock,
            )
            self._execute(command, log, _log_uri(executor_input))
            return self._collect(task, executor_input, root, log)
        except OSError as error:
            raise StepError(f"the private folder {private} failed: {error}", log if log.exists() else None) from None
        finally:
            shutil.rmtree(private, ignore_errors=True)

    def _download(self, executor_input: Mapping[str, Any], root: Path) -> None:
        for name, entry in executor_input["inputs"].get("artifacts", {}).items():
            download(self.store, name, entry["artifacts"][0]["uri"], bucket_of(self.root), root)

    def _execute(self, command: StepCommand, log: Path, log_uri: str) -> None:
        """Run the command and keep its output, whatever happens; a failed command's output is stored here."""
        code, reason = None, ""
        try:
            code = self.engine.run(command)
        except StepError as error:
            reason = str(error)
        finally:
            if command.log.exists():
                _mask_secrets(command)
                log.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(command.log, log)
        if code == 0:
            return
        upload(self.store, LOGS, command.log, log_uri)
        raise StepError(reason or _reason_of(code, _last_line(log)), log)

    def _collect(self, task: Task, executor_input: Mapping[str, Any], root: Path, log: Path) -> LauncherOutputs:
        try:
            output = read_executor_output(path_in_step(root, executor_input["outputs"]["outputFile"]))
            parameters = output_parameters(task, executor_input, output, root)
            artifacts = output_artifacts(executor_input, output)
            for name, (uri, metadata) in artifacts.items():
                upload(self.store, name, upload_path(name, uri, self.root, root), uri)
                metadata.setdefault("display_name", name)
                metadata.setdefault("store_session_info", session_info(uri))
        except StepError as error:
            raise StepError(str(error), log) from None
        return LauncherOutputs(artifacts, parameters)


def _reason_of(code: int | None, line: str) -> str:
    """Return why a command failed: the signal that ended it, else the last line that it printed."""
    # A shell and a container add 128 to the number of the signal.
    number = -code if code is not None and code < 0 else (code or 0) - 128
    if number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS):
        return f"the command was ended by {signal.Signals(number).name}"
    return line or f"the command ended with exit code {code} and no output"


def _last_line(log: Path) -> str:
    """Return the last line of a log that is not empty."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LOG_TAIL))
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")


def _make_parents(executor_input: Mapping[str, Any], root: Path) -> None:
    """Make the folders that hold outputs; the outputs themselves are the step's to make."""
    outputs = executor_input["outputs"]
    paths = [entry["outputFile"] for entry in outputs.get("parameters", {}).values()]
    paths += [local_path(entry["artifacts"][0]["uri"]) for entry in outputs["artifacts"].values()]
    for path in paths:
        path_in_step(root, path).parent.mkdir(parents=True, exist_ok=True)


def _log_uri(executor_input: Mapping[str, Any]) -> str:
    uri: str = executor_input["outputs"]["artifacts"][LOGS]["artifacts"][0]["uri"]
    return uri


def _mask_secrets(command: StepCommand) -> None:
    values = [os.environ.get(secret.name, "").encode() for secret in command.task.placement.secrets]
    values = [value for value in values if len(value) >= SHORTEST_MASKED_SECRET]
    if not values:
        return
    content = command.log.read_bytes()
    for value in values:
        content = content.replace(value, MASK)
    command.log.write_bytes(content)
