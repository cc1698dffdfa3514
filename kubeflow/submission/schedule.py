"""The schedule of a recurring run."""

from __future__ import annotations

import re
from dataclasses import dataclass

from interestflow.kubeflow.submission.errors import SubmissionError

OPTION = "--schedule"
DESCRIPTOR = re.compile(r"@(yearly|annually|monthly|weekly|daily|midnight|hourly|every \S+)")
FIELDS = 6


@dataclass(frozen=True)
class Schedule:
    """When a recurring run starts its runs.

    Attributes:
        cron: six fields, seconds first, as the backend reads them; or a descriptor such as `@daily`.
        no_catchup: whether missed runs are left out, except the last.
    """

    cron: str
    no_catchup: bool

    def __post_init__(self) -> None:
        """Refuse a cron line that the backend would misread or refuse.

        It takes five fields without a word and reads the minutes as seconds, so that `0 3 * * *`, meant to be three
        o'clock, starts a run at the third minute of every hour.
        """
        fields = self.cron.split()
        if DESCRIPTOR.fullmatch(self.cron.strip()) or len(fields) == FIELDS:
            return
        hint = f"; did you mean '0 {self.cron.strip()}'?" if len(fields) == FIELDS - 1 else ""
        raise SubmissionError(
            f"`{OPTION}` should have six fields, seconds first (such as '0 0 3 * * *', daily at three), or be one like "
            f"@daily, received {self.cron!r}{hint}"
        )
