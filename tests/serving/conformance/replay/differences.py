"""The known differences between the local server and TensorFlow Serving, from `differences.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).resolve().parents[1] / "differences.json"
MAX_SHARE = 0.1
"""Of all recorded cases, that may differ."""


@dataclass(frozen=True)
class Difference:
    """One way in which the local server differs, and the recorded cases that show it.

    Attributes:
        title: what differs, as `docs/serve.md` words it.
        reason: why, as `docs/serve.md` words it.
        cases: ids by recording.
    """

    title: str
    reason: str
    cases: dict[str, list[str]]


def load_differences() -> list[Difference]:
    """Load the list of known differences."""
    return [Difference(**entry) for entry in json.loads(PATH.read_text(encoding="utf-8"))]


def known_cases(differences: list[Difference], recording: str) -> list[str]:
    """Return the ids of the cases of `recording` that are known to differ."""
    return [case for difference in differences for case in difference.cases.get(recording, [])]
