"""Limits of a run: memory, disk, the budget of embedding tables, and the log or catalogue at which each is reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LARGEST_FACTOR, PRECISION = 1e6, 0.01
MAX_IDS = 2**31 - 1
"""Largest id of a transformed example, which has 32 bits."""


@dataclass(frozen=True)
class Limit:
    """Something that a run may not exceed.

    Attributes:
        name: the limit in words, as part of a sentence.
        available: its value.
        needed: what the run needs of it.
        unit: unit of both.
        events, items: number of events, with the same items, and of items, with the same events, at which it would be
            reached; None if it does not depend on them.
    """

    name: str
    available: float
    needed: float
    unit: str
    events: float | None
    items: float | None

    @property
    def is_exceeded(self) -> bool:
        """Whether the run would not fit."""
        return self.needed > self.available


def find_limit(
    name: str,
    available: float,
    unit: str,
    need: Callable[[float, float], float],
    events: float,
    items: float,
) -> Limit:
    """Return a limit with the numbers of events and of items at which it is reached.

    Args:
        name: the limit in words.
        available: its value.
        unit: unit of the value.
        need: what a run needs with so many times the events, and so many times the items; never falls with either.
        events, items: events and items of the run.
    """
    by_events = largest_factor(lambda factor: need(factor, 1.0), available)
    by_items = largest_factor(lambda factor: need(1.0, factor), available)
    return Limit(
        name,
        available,
        need(1.0, 1.0),
        unit,
        None if by_events is None else by_events * events,
        None if by_items is None else by_items * items,
    )


def largest_factor(need: Callable[[float], float], available: float) -> float | None:
    """Return the largest factor, to one per cent, by which a quantity may grow or must shrink to fit; None for any."""
    low, high = 1.0 / LARGEST_FACTOR, LARGEST_FACTOR
    if need(high) <= available:
        return None
    if need(low) > available:
        return 0.0
    while high / low > 1.0 + PRECISION:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if need(middle) <= available else (low, middle)
    return low


def first_limit(limits: list[Limit], what: str) -> Limit | None:
    """Return the limit that is reached first as `events` or `items` (`what`) grow; None if none is."""
    reached = [limit for limit in limits if getattr(limit, what) is not None]
    return min(reached, key=lambda limit: float(getattr(limit, what)), default=None)
