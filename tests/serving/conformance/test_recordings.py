"""Replay every recorded request to TensorFlow Serving on the local server or on `--target`."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.serving.conformance.replay.connection import Connection
from tests.serving.conformance.replay.differences import MAX_SHARE, known_cases, load_differences
from tests.serving.conformance.replay.player import Pace, play
from tests.serving.conformance.replay.recordings import NAMES, Folders, Recording, load_recording

DOCS = Path(__file__).parents[3] / "docs" / "serve.md"
Connect = Callable[[Recording], AbstractContextManager[tuple[Connection, Folders]]]


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_as_recorded(name: str, connect_to_server: Connect, pace: Pace, is_local: bool) -> None:
    """The local server differs in the cases of `differences.json` and in no others; the real one in none."""
    recording = load_recording(name)
    known = known_cases(load_differences(), name) if is_local else []
    with connect_to_server(recording) as (connection, folders):
        differences = play(recording, connection, folders, pace, known)
    report = [f"{case}: {text}" for case, text in differences.items() if case not in known]
    report += [
        f"{case}: is listed in differences.json and does not differ" for case in known if case not in differences
    ]
    assert not report, "\n".join([f"{len(report)} cases of {name}:", *report])


def test_few_cases_differ_and_each_exists() -> None:
    cases = {(name, case["id"]) for name in NAMES for case in load_recording(name).questions()}
    listed = [
        (name, case) for difference in load_differences() for name, ids in difference.cases.items() for case in ids
    ]
    assert len(listed) == len(set(listed)), "a case should be listed once"
    assert set(listed) <= cases
    assert len(listed) <= MAX_SHARE * len(cases)


def test_the_docs_say_what_differs_and_why() -> None:
    section = DOCS.read_text(encoding="utf-8").partition("## What differs from TensorFlow Serving")[2]
    text = re.sub(r"\s+", " ", section)
    missing = [each.title for each in load_differences() if f"**{each.title}** {each.reason}" not in text]
    assert not missing, "docs/serve.md should have each title and reason of differences.json, word by word"
