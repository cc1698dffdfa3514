"""What a failed submission created is deleted, and what could not be is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from interestflow.kubeflow.submission.errors import ServerError, SubmissionError
from interestflow.kubeflow.submission.undo import UndoLog, find_or_create


def refuse() -> None:
    raise SubmissionError("no rights")


def test_deleted_in_the_opposite_order() -> None:
    undo, deleted = UndoLog(), []
    undo.add("pipeline a", lambda: deleted.append("pipeline"))
    undo.add("version b", lambda: deleted.append("version"))
    assert undo.undo() == "; deleted again: version b, pipeline a"
    assert deleted == ["version", "pipeline"]
    assert undo.undo() == ""


def test_what_could_not_be_deleted() -> None:
    undo = UndoLog()
    undo.add("pipeline a", refuse)
    undo.add("version b", lambda: None)
    assert undo.undo() == "; deleted again: version b; could not be deleted and is left: pipeline a (no rights)"


def finder(*answers: str | Exception | None) -> Callable[[], str]:
    """Return a function that gives one answer after the other."""
    remaining = list(answers)

    def answer() -> str:
        value = remaining.pop(0)
        if isinstance(value, Exception):
            raise value
        return value  # type: ignore[return-value]

    return answer


def test_found_and_created() -> None:
    assert find_or_create(finder("1"), finder(), "it", 409) == ("1", False)
    assert find_or_create(finder(None), finder("2"), "it", 409) == ("2", True)


def test_somebody_else_was_faster() -> None:
    assert find_or_create(finder(None, "3"), finder(ServerError("exists", 409)), "it", 409) == ("3", False)


def test_created_although_the_answer_is_missing() -> None:
    timeout = ServerError("too slow", may_have_happened=True)
    assert find_or_create(finder(None, "4"), finder(timeout), "it", 409) == ("4", True)
    with pytest.raises(ServerError, match=r"^too slow$"):
        find_or_create(finder(None, None), finder(timeout), "it", 409)
    with pytest.raises(SubmissionError, match=r"^too slow; it may have been created all the same$"):
        find_or_create(finder(None, ServerError("down")), finder(timeout), "it", 409)


def test_refused() -> None:
    with pytest.raises(ServerError, match=r"^no$"):
        find_or_create(finder(None), finder(ServerError("no", 400)), "it", 409)
