"""The reason of a failure is the message at its root."""

from __future__ import annotations

import pytest

from interestflow.pipeline.config import ConfigurationError
from interestflow.readable_reason import readable_reason


def raise_from(error: Exception, cause: Exception | None) -> Exception:
    try:
        raise error from cause
    except Exception as raised:
        return raised


def test_the_reason_is_that_at_the_root_without_what_beam_adds() -> None:
    root = ValueError("no such column [while running 'Read']\nTraceback")
    assert readable_reason(raise_from(RuntimeError("wrapped"), root)) == "ValueError: no such column"
    assert readable_reason(ConfigurationError("`model` is missing")) == "`model` is missing"
    assert readable_reason(KeyError()) == "KeyError: KeyError"


def read_with_suppressed_context() -> None:
    try:
        raise OSError("low level")
    except OSError:
        raise ConfigurationError("the file cannot be read") from None


def test_a_context_that_was_suppressed_is_not_the_reason() -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_with_suppressed_context()
    assert readable_reason(raised.value) == "the file cannot be read"
