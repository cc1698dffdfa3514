"""The engine that executes steps as processes of this machine, each in a private folder with a clean environment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from interestflow.kubeflow.backend.engine import (
    HOME_FOLDER,
    TEMPORARY_FOLDER,
    WORK_FOLDER,
    Process,
    StepCommand,
    run_logged,
)
from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.specification import Specification

STEP_ROOT_VARIABLE = "INTERESTFLOW_STEP_ROOT"
"""Variable that tells a step which folder stands for `/`: inputs and outputs are below its `s3`, `gcs` or `minio`."""
STOP_SECONDS = 10.0
_PYTHON = ("python", "python3")


class Processes:
    """Executes steps as processes.

    A process sees this machine's files: what a volume or a scratch folder holds has to be at its mount path here.

    Args:
        volumes: folders by volume claim, of which this engine can have none.
    """

    def __init__(self, volumes: Mapping[str, Path]) -> None:
        """Refuse folders for volumes, since a process cannot mount them."""
        if volumes:
            raise RefusedError("`--volume` needs `--engine docker` or podman: a process sees this machine's own paths")

    def check(self, specification: Specification) -> None:
        """Refuse a specification with a mount path that this machine lacks."""
        for task in specification.tasks.values():
            for volume in task.placement.volumes:
                if not Path(volume.mount_path).is_dir():
                    raise RefusedError(
                        f"task `{task.name}` mounts {volume.description} at {volume.mount_path}, which is not a "
                        "folder of this machine: make it, or use `--engine docker` with `--volume`"
                    )
            for folder in task.placement.scratch_folders:
                if not Path(folder.mount_path).is_dir():
                    raise RefusedError(
                        f"task `{task.name}` has an empty folder at {folder.mount_path}, which is not a folder of this "
                        "machine: make it, or use `--engine docker`"
                    )

    def run(self, command: StepCommand) -> int:
        """Execute a command in a process group of its own, which never outlives the step."""
        program, *arguments = command.arguments
        if program in _PYTHON:
            program = sys.executable
        return run_logged(
            [program, *arguments], command, _stop, cwd=command.root / WORK_FOLDER, env=self._environment(command)
        )

    def _environment(self, command: StepCommand) -> dict[str, str]:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(command.root / HOME_FOLDER),
            "TMPDIR": str(command.root / TEMPORARY_FOLDER),
        }
        # A step imports the project of this interpreter, which may stand on the path without being installed.
        paths = [str(Path(path).resolve()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        if paths:
            environment["PYTHONPATH"] = os.pathsep.join(paths)
        secrets = {
            secret.name: os.environ[secret.name]
            for secret in command.task.placement.secrets
            if secret.name in os.environ
        }
        return environment | dict(command.environment) | secrets | {STEP_ROOT_VARIABLE: str(command.root)}


def _stop(process: Process) -> None:
    """End a process and what it left running: politely if it still runs, at once if it has ended."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
