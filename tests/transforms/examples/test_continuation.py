"""A slice continues the last user of the slice before, or begins with another."""

from __future__ import annotations

import polars as pl

from interestflow.transforms.examples.continuation import NOTHING_EARLIER, Continuation
from interestflow.transforms.examples.negatives import NO_POSITIVES
from tests.transforms.small_log import events


def test_only_the_same_user_is_continued() -> None:
    earlier = Continuation("u", pl.DataFrame(), 3, True, NO_POSITIVES)
    log = events([("u", "a", 1, 1), ("v", "a", 1, 1)])
    assert earlier.continues_into(log)
    assert not earlier.continues_into(log[1:])
    assert not earlier.continues_into(log.clear())
    assert NOTHING_EARLIER.events.height == 0
