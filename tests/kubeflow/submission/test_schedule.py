"""Schedules that the backend would misread are refused."""

from __future__ import annotations

import pytest

from interestflow.kubeflow.submission.errors import SubmissionError
from interestflow.kubeflow.submission.schedule import Schedule


@pytest.mark.parametrize("cron", ["0 0 3 * * *", "0 30 9 ? * 2-6", "@daily", "@every 1h30m"])
def test_accepted(cron: str) -> None:
    assert Schedule(cron, no_catchup=True).cron == cron


@pytest.mark.parametrize(
    ("cron", "hint"),
    [("0 3 * * *", "; did you mean '0 0 3 * * *'?"), ("3", ""), ("", ""), ("@dayly", ""), ("0 0 3 * * * 2026", "")],
)
def test_refused(cron: str, hint: str) -> None:
    with pytest.raises(SubmissionError) as caught:
        Schedule(cron, no_catchup=False)
    assert str(caught.value) == (
        "`--schedule` should have six fields, seconds first (such as '0 0 3 * * *', daily at three), or be one like "
        f"@daily, received {cron!r}{hint}"
    )
