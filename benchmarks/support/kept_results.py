"""Results that took long, each kept under the name of all that it depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class KeptResults:
    """One file a result, so that a second call, or one that was stopped, goes on from there.

    Args:
        folder: of the files.
        made_by: what all results depend on, such as digests of code and data.
    """

    def __init__(self, folder: Path, *made_by: str) -> None:
        self.folder = folder
        self.made_by = made_by
        folder.mkdir(parents=True, exist_ok=True)

    def once(self, name: str, about: dict[str, Any], compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """`about` and what `compute` gives, which is asked only where the folder has no such result."""
        key = hashlib.sha256(json.dumps([about, self.made_by], sort_keys=True).encode()).hexdigest()[:16]
        file = self.folder / f"{name.replace(' ', '-')}-{key}.json"
        if file.exists():
            kept: dict[str, Any] = json.loads(file.read_text())
            return kept
        result = about | compute()
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(result, indent=1))
        partial.replace(file)
        return result
