"""The engine that executes steps in containers of docker or podman, as unprivileged as a cluster runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from interestflow.kubeflow.backend.engine import TEMPORARY_FOLDER, Process, StepCommand, run_logged
from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.specification import Specification
from interestflow.kubeflow.backend.uris import MOUNTS

USER = 1000
"""User and group of a container when this process is root. A step never runs as root."""
CHECK_SECONDS = 60.0


class Containers:
    """Executes steps in containers.

    Args:
        program: `docker` or `podman`.
        network: `none`, or `host` for steps that reach stores of their own.
        volumes: folders of this machine by volume claim or, where a secret's keys are files, by secret.
    """

    def __init__(self, program: str, network: str, volumes: Mapping[str, Path]) -> None:
        """Keep the options; `check` looks for the program."""
        self._program = program
        self._network = network
        self._volumes = volumes

    def check(self, specification: Specification) -> None:
        """Refuse a specification whose volumes have no folder here or whose images are not here."""
        volumes = [volume for task in specification.tasks.values() for volume in task.placement.volumes]
        known = {volume.claim: volume.description for volume in volumes}
        for claim, folder in self._volumes.items():
            if claim not in known:
                raise RefusedError(f"`--volume` names the claim `{claim}`, which no task mounts")
            if not folder.is_dir():
                raise RefusedError(f"`--volume {claim}={folder}` is not a folder of this machine")
        for claim in sorted(known - self._volumes.keys()):
            raise RefusedError(f"{known[claim]} needs a folder of this machine: `--volume {claim}=FOLDER`")
        if shutil.which(self._program) is None:
            raise RefusedError(f"`--engine {self._program}`: the program {self._program} is not installed")
        if self._ask("version") != 0:
            raise RefusedError(f"`--engine {self._program}`: the program does not answer; is its service running?")
        for image in sorted({task.container.image for task in specification.tasks.values()}):
            if self._ask("image", "inspect", image) != 0:
                raise RefusedError(f"image {image} is not on this machine; build or pull it first")

    def _ask(self, *arguments: str) -> int:
        try:
            return subprocess.run(
                [self._program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=CHECK_SECONDS
            ).returncode
        except subprocess.TimeoutExpired:
            return 1

    def run(self, command: StepCommand) -> int:
        """Execute a command in a new container, which is removed when the step ends or is interrupted."""
        name = f"interestflow-{uuid.uuid4().hex}"
        arguments = [self._program, "run", "--name", name, *self._options(command), *_command(command)]
        _give_away(command.root)
        # Only the names of secrets stand on the command line; docker reads their values from its own environment.
        return run_logged(arguments, command, lambda process: self._remove(name, process))

    def _remove(self, name: str, process: Process) -> None:
        """Remove a container and wait for the process that ran it."""
        self._ask("rm", "--force", name)
        process.wait()

    def _options(self, command: StepCommand) -> list[str]:
        placement, resources = command.task.placement, command.task.resources
        user = os.getuid() or USER
        options = [
            "--network", self._network, "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
            "--user", f"{user}:{os.getgid() or USER}",
        ]  # fmt: skip
        if self._program == "podman" and os.getuid() != 0:
            # Otherwise the container's user is another one on this machine, who cannot write the folders.
            options += ["--userns", "keep-id"]
        folders = {mount: command.root / mount.lstrip("/") for mount in (*MOUNTS.values(), f"/{TEMPORARY_FOLDER}")}
        for volume in placement.volumes:
            folders[volume.mount_path] = self._volumes[volume.claim] / volume.sub_path
        for number, scratch in enumerate(placement.scratch_folders):
            if scratch.in_memory:
                size = "" if scratch.size is None else f",tmpfs-size={scratch.size}"
                options += ["--mount", f"type=tmpfs,target={scratch.mount_path},tmpfs-mode=1777{size}"]
            else:
                folders[scratch.mount_path] = command.root / f"scratch-{number}"
                folders[scratch.mount_path].mkdir()
        secrets = {volume.mount_path for volume in placement.volumes if volume.is_secret}
        for target, source in folders.items():
            suffix = ",readonly" if target in secrets else ""
            options += ["--mount", f"type=bind,source={source.resolve()},target={target}{suffix}"]
        for variable, value in command.environment.items():
            options += ["--env", f"{variable}={value}"]
        for secret in placement.secrets:
            if secret.name in os.environ:
                options += ["--env", secret.name]
        if resources.cpus is not None:
            options += ["--cpus", f"{min(resources.cpus, os.cpu_count() or 1):g}"]
        if resources.memory is not None:
            options += ["--memory", str(resources.memory)]
        return options


def _command(command: StepCommand) -> list[str]:
    """Return entry point, image and arguments: the launcher runs the command, never the image's own entry point."""
    program, *arguments = command.arguments
    return ["--entrypoint", program, command.task.container.image, *arguments]


def _give_away(root: Path) -> None:
    """Make the private folder writable for the container's user, where this process is root."""
    if os.getuid() != 0:
        return
    for folder, _, names in os.walk(root):
        for path in (Path(folder), *(Path(folder) / name for name in names)):
            os.chown(path, USER, USER, follow_symlinks=False)
