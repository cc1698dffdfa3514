"""The small generated log, generated once for all tests of the generator."""

from __future__ import annotations

import pytest

from interestflow.transforms.generator.generate import GeneratedLog, generate_log
from tests.transforms.generator.small_generated_log import SMALL


@pytest.fixture(scope="session")
def log() -> GeneratedLog:
    """Return the log of `SMALL`."""
    return generate_log(SMALL)
