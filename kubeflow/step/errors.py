"""Error of a step that cannot be run as the backend asks."""

from __future__ import annotations


class StepInputError(Exception):
    """The backend's request, the downloaded inputs or what the executor left cannot be handled."""
