"""Errors of executing a compiled specification, each with a message of one sentence."""

from __future__ import annotations

from pathlib import Path


class RefusedError(ValueError):
    """The specification or an option is refused before any step starts."""


class StepError(RuntimeError):
    """A step failed, for the reason that is the message.

    Args:
        reason: one sentence.
        log: file with the output of the step, if it was started.
    """

    def __init__(self, reason: str, log: Path | None = None) -> None:
        """Keep the reason and the log."""
        super().__init__(reason)
        self.log = log
