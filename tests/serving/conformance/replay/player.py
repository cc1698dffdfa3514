"""Replay a recording: send its cases in order and note which answers differ."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from tests.serving.conformance.replay.comparison import difference
from tests.serving.conformance.replay.connection import Connection
from tests.serving.conformance.replay.recordings import Folders, Recording, change_files

RETRY_SECONDS = 0.1
ATTEMPTS_TOGETHER = 3
"""Which requests meet in a batch depends on the load, so those sent together are sent again where they differ."""


@dataclass(frozen=True)
class Pace:
    """How long to wait for states that a server reaches by itself.

    Attributes:
        settle_seconds: wait before a case that was recorded after some seconds, at most.
        patience_seconds: time in which such a case is asked again until it is as recorded, at most.
        known_seconds: the same for cases that are known to differ.
    """

    settle_seconds: float
    patience_seconds: float
    known_seconds: float = 1.0


LOCAL = Pace(settle_seconds=0.3, patience_seconds=10.0)
REMOTE = Pace(settle_seconds=10.0, patience_seconds=60.0)


def play(
    recording: Recording, connection: Connection, folders: Folders, pace: Pace, known_differences: Collection[str] = ()
) -> dict[str, str]:
    """Return, by case, where the server's answer differs from the recorded one.

    Args:
        recording: to play, on a server that has just been started for it.
        connection: connection to that server.
        folders: that the cases change.
        pace: how long to wait.
        known_differences: ids of cases that are known to differ.
    """
    differences = {}
    for case in recording.cases:
        if case["api"] == "files":
            change_files(folders, case["do"])
            continue
        seconds = pace.known_seconds if case["id"] in known_differences else pace.patience_seconds
        mismatch = _send_patiently(case, connection, pace, seconds)
        if mismatch is not None:
            differences[case["id"]] = mismatch
    return differences


def _send_patiently(case: dict[str, Any], connection: Connection, pace: Pace, patience_seconds: float) -> str | None:
    """Return where the answer differs, after the waits that the case requires."""
    time.sleep(min(case.get("settle", 0.0), pace.settle_seconds))
    end = time.monotonic() + min(case.get("within", 0.0), patience_seconds)
    attempts = ATTEMPTS_TOGETHER if case["api"] == "together" else 1
    while True:
        mismatch = difference(case, connection.send(case))
        attempts -= 1
        if mismatch is None or (attempts <= 0 and time.monotonic() >= end):
            return mismatch
        time.sleep(RETRY_SECONDS)
