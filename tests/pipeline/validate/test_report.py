"""A report is usable as long as it has no problem."""

from __future__ import annotations

from pathlib import Path

from interestflow.pipeline.config import load
from interestflow.pipeline.validate.report import ValidationReport
from tests.pipeline.validate.small_shop import write_shop


def test_notes_leave_a_report_usable_and_a_problem_does_not(tmp_path: Path) -> None:
    report = ValidationReport(load(write_shop(tmp_path)))
    report.notes.append("worth a look")
    assert report.is_usable
    report.problems.append("a run would end here")
    assert not report.is_usable
