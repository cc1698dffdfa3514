"""Where a limit is reached, as events and as items grow."""

from __future__ import annotations

import pytest

from interestflow.pipeline.plan.limits import find_limit, first_limit, largest_factor


def test_a_limit_is_reached_where_the_need_equals_it() -> None:
    # 10 at first: 2, 5 for the events and 3 for the items.
    limit = find_limit("disk", 20.0, "MB", lambda events, items: 2 + 5 * events + 3 * items, 1000.0, 100.0)
    assert limit.needed == 10.0
    assert not limit.is_exceeded
    assert limit.events == pytest.approx(3000.0, rel=0.01)
    assert limit.items == pytest.approx(100 * 13 / 3, rel=0.01)


def test_an_exceeded_limit_was_reached_by_a_smaller_log() -> None:
    limit = find_limit("disk", 5.0, "MB", lambda events, items: 10 * events, 1000.0, 100.0)
    assert limit.is_exceeded
    assert limit.events == pytest.approx(500.0, rel=0.01)
    assert limit.items == 0.0


def test_what_does_not_grow_never_reaches_a_limit() -> None:
    assert largest_factor(lambda factor: 7.0, 8.0) is None


def test_the_first_limit_is_the_one_that_is_reached_with_fewest() -> None:
    near = find_limit("near", 20.0, "MB", lambda events, items: 10 * events, 1000.0, 100.0)
    far = find_limit("far", 90.0, "MB", lambda events, items: 10 * events + 10 * items, 1000.0, 100.0)
    assert first_limit([far, near], "events") == near
    assert first_limit([far, near], "items") == far
    assert first_limit([near], "items") is None
