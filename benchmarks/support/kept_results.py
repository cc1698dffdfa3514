"""Cache of expensive results, each kept under a digest of everything that it depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class KeptResults:
    """Cache with one file for each result, so that a second or interrupted run resumes from there.

    Args:
        folder: Folder of the files; created if it does not exist.
        dependencies: What all results depend on, such as digests of code and data.
    """

    def __init__(self, folder: Path, *dependencies: str) -> None:
        """Create the folder."""
        self.folder = folder
        self.dependencies = dependencies
        folder.mkdir(parents=True, exist_ok=True)

    def get_or_compute(
        self, name: str, parameters: dict[str, Any], compute: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Return `parameters` and the result of `compute`, which is called only if the folder has no such result."""
        key = hashlib.sha256(json.dumps([parameters, self.dependencies], sort_keys=True).encode()).hexdigest()[:16]
        file = self.folder / f"{name.replace(' ', '-')}-{key}.json"
        if file.exists():
            stored: dict[str, Any] = json.loads(file.read_text())
            return stored
        result = parameters | compute()
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(result, indent=1))
        partial.replace(file)
        return result
