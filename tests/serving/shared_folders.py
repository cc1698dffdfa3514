"""Folders that are written once and read by many tests, across the workers of pytest-xdist."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def shared_folder(factory: pytest.TempPathFactory, name: str, write: Callable[[Path], object]) -> Path:
    """Return a folder of this test run, which nobody may change.

    Args:
        factory: pytest's `tmp_path_factory`.
        name: name of the folder.
        write: function that writes the folder; it is called by the first process that needs it.
    """
    base = factory.getbasetemp()
    # Each worker of pytest-xdist has its own folder below a common one.
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    root.mkdir(exist_ok=True)
    folder, complete = root / name, root / f"{name}.complete"
    with open(root / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            write(folder)
            complete.touch()
    return folder
