"""Errors that end a submission."""

from __future__ import annotations


class SubmissionError(Exception):
    """A submission that cannot be made or followed; the message says why in one sentence."""


class ServerError(SubmissionError):
    """A request that the API did not answer, or answered with an error."""

    def __init__(self, message: str, status: int | None = None, *, may_have_happened: bool = False) -> None:
        """Create the error.

        Args:
            message: one sentence for the user.
            status: HTTP status of the answer; None where there was none.
            may_have_happened: whether the server may have done what was asked for, since only the answer is missing.
        """
        super().__init__(message)
        self.status = status
        self.may_have_happened = may_have_happened
