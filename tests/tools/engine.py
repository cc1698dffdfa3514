"""A program in place of docker and podman that answers as it is told and records how it is called."""

import shutil
from pathlib import Path

import pytest


class Engine:
    """Folder that is the whole PATH: it has git, and programs named docker or podman once they are told to answer."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make `folder` the PATH."""
        self._folder, self._calls = folder, folder / "calls"
        self._calls.touch()
        git = shutil.which("git")
        if git is not None:
            (folder / "git").symlink_to(git)
        monkeypatch.setenv("PATH", str(folder))

    def answer(self, cases: str, name: str = "docker") -> None:
        """Let a program run the shell code of the case that its arguments match, and otherwise succeed."""
        program = self._folder / name
        program.write_text(
            f'#!/bin/sh\necho "$DOCKER_BUILDKIT $*" >> {self._calls}\ncase "$*" in\n{cases}\n*) exit 0;;\nesac\n'
        )
        program.chmod(0o755)

    def calls(self, command: str) -> list[str]:
        """Return the calls of a subcommand; each is the value of DOCKER_BUILDKIT and the arguments."""
        return [line for line in self._calls.read_text().splitlines() if line.split(" ")[1] == command]
