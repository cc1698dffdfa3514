"""A step's failure carries its log."""

from __future__ import annotations

from pathlib import Path

from interestflow.kubeflow.backend.errors import StepError


def test_a_failure_has_its_reason_and_its_log() -> None:
    assert str(StepError("out of memory")) == "out of memory"
    assert StepError("out of memory").log is None
    assert StepError("out of memory", Path("x.log")).log == Path("x.log")
