"""The recordings: how the real server was started, what it was asked, and what it answered."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[1] / "recordings"
MODELS = DATA / "models"
NAMES = tuple(sorted(path.stem for path in (DATA / "cases").glob("*.json")))


@dataclass(frozen=True)
class Folders:
    """Folders that the placeholders of a recording stand for, as the server sees them.

    Attributes:
        models: folder of the recorded models, `{MODELS}`; only read.
        work: folder whose content the cases change, `{WORK}`; empty at the start.
        setup: folder of the server's configuration files, `{SETUP}`.
    """

    models: Path
    work: Path
    setup: Path

    def fill(self, value: Any) -> Any:
        """Return `value`, JSON of any kind, with paths instead of placeholders."""
        return _replace(value, self._pairs())

    def clear(self, value: Any) -> Any:
        """Return `value`, JSON of any kind, with placeholders instead of paths."""
        return _replace(value, [(path, placeholder) for placeholder, path in self._pairs()])

    def _pairs(self) -> list[tuple[str, str]]:
        return [("{MODELS}", str(self.models)), ("{WORK}", str(self.work)), ("{SETUP}", str(self.setup))]


@dataclass(frozen=True)
class Recording:
    """One file of cases.

    Attributes:
        name: of the file, such as `grpc_predict`.
        flags: command line of the real server, with placeholders.
        files: text of each configuration file by name, with placeholders.
        preparation: changes made to the work folder before the server was started.
        cases: what happened, in order.
    """

    name: str
    flags: tuple[str, ...]
    files: dict[str, str]
    preparation: list[list[str]]
    cases: list[dict[str, Any]]

    def prepare(self, folders: Folders) -> list[str]:
        """Write the server's files and return its flags, both with the paths of `folders`."""
        change_files(folders, self.preparation)
        folders.setup.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            (folders.setup / name).write_text(folders.fill(text))
        return [folders.fill(flag) for flag in self.flags]

    def questions(self) -> Iterator[dict[str, Any]]:
        """Yield the cases that ask the server something."""
        return (case for case in self.cases if case["api"] != "files")


def load_recording(name: str) -> Recording:
    """Load the recording `name`, one of `NAMES`."""
    content = json.loads((DATA / "cases" / f"{name}.json").read_text(encoding="utf-8"))
    server = content["server"]
    return Recording(name, tuple(server["flags"]), server.get("write", {}), server.get("files", []), content["cases"])


def change_files(folders: Folders, changes: list[list[str]]) -> None:
    """Apply changes such as `["copy", "{MODELS}/double/1", "{WORK}/m/1"]` to the folders.

    Raises:
        ValueError: for a change of an unknown kind.
    """
    for kind, *arguments in changes:
        target = Path(folders.fill(arguments[-1] if kind != "write" else arguments[0]))
        if kind == "copy":
            _copy_at_once(Path(folders.fill(arguments[0])), target)
        elif kind == "remove":
            shutil.rmtree(target)
        elif kind == "make":
            target.mkdir(parents=True, exist_ok=True)
        elif kind == "write":
            target.write_text(folders.fill(arguments[1]))
        else:
            raise ValueError(f"a change of files should be copy, remove, make or write, received {kind!r}")


def _copy_at_once(source: Path, target: Path) -> None:
    """Copy a folder so that a server that polls never sees half of it."""
    unfinished = target.with_name(f"{target.name}.unfinished")
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, unfinished)
    unfinished.rename(target)


def _replace(value: Any, pairs: list[tuple[str, str]]) -> Any:
    if isinstance(value, str):
        for old, new in pairs:
            value = value.replace(old, new)
        return value
    if isinstance(value, dict):
        return {key: _replace(content, pairs) for key, content in value.items()}
    if isinstance(value, list):
        return [_replace(content, pairs) for content in value]
    return value
