"""Recorded requests and answers of a real TensorFlow Serving; see `tests/serving/conformance`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).parents[1] / "conformance" / "recordings"
MODELS = RECORDINGS / "models"


def cases(name: str) -> list[dict[str, Any]]:
    """Return the cases of a file."""
    content = json.loads((RECORDINGS / "cases" / f"{name}.json").read_text(encoding="utf-8"))
    recorded: list[dict[str, Any]] = content["cases"]
    return recorded
