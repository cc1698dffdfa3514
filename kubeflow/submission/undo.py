"""Takes back what a submission created, where it fails later on."""

from __future__ import annotations

from collections.abc import Callable

from interestflow.kubeflow.submission.errors import ServerError, SubmissionError


class UndoLog:
    """What was created so far, with the function that deletes each."""

    def __init__(self) -> None:
        """Start without anything to delete."""
        self._deletions: list[tuple[str, Callable[[], None]]] = []

    def add(self, name: str, delete: Callable[[], None]) -> None:
        """Remember that `name`, such as "pipeline demo", was created and is deleted by `delete`."""
        self._deletions.append((name, delete))

    def undo(self) -> str:
        """Delete everything, newest first, and say what was deleted and what is left, as the end of a sentence."""
        deleted, left = [], []
        for name, delete in reversed(self._deletions):
            try:
                delete()
                deleted.append(name)
            except SubmissionError as error:
                left.append(f"{name} ({error})")
        self._deletions.clear()
        texts = [f"; deleted again: {', '.join(deleted)}" if deleted else ""]
        texts.append(f"; could not be deleted and is left: {', '.join(left)}" if left else "")
        return "".join(texts)


def find_or_create(
    find: Callable[[], str | None], create: Callable[[], str], name: str, status_of_race: int
) -> tuple[str, bool]:
    """Return the id of something, and whether this call created it.

    Args:
        find: returns the id of what exists; None where it does not.
        create: creates it and returns its id.
        name: what it is, for messages.
        status_of_race: HTTP status with which the server says that somebody else has just created it.
    """
    existing = find()
    if existing is not None:
        return existing, False
    try:
        return create(), True
    except ServerError as error:
        if not error.may_have_happened and error.status != status_of_race:
            raise
        try:
            existing = find()
        except SubmissionError:
            raise SubmissionError(f"{error}; {name} may have been created all the same") from None
        if existing is None:
            raise
        return existing, error.status != status_of_race
