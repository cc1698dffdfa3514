"""Impressions of a generated log in time: users, sessions, devices and timestamps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from interestflow.transforms.generator.config import LogGeneratorConfig

START_MILLISECONDS = 1_704_067_200_000
"""2024-01-01 00:00 UTC."""
DAY, HOUR = 86_400_000, 3_600_000
"""Milliseconds in a day and in an hour."""

DEVICES = ("phone", "desktop", "tablet", "television")
DEVICE_SHARES = (0.55, 0.25, 0.12, 0.08)
HOUR_SHARES = np.array([1, 1, 1, 1, 1, 1, 2, 4, 5, 4, 4, 4, 6, 5, 4, 4, 4, 5, 7, 9, 10, 9, 6, 3], dtype=float)
SESSION_EVENTS = 8
GAP_MILLISECONDS = 40_000
"""Mean number of impressions in a session, and mean time between two."""
HABITUAL_DEVICE = 0.7
"""Share of sessions on the user's usual device; the others are on any device."""
LATE_USERS = 0.1
"""Share of users whose first day is drawn uniformly from the log's days; the others are there from the beginning."""


class Visits(NamedTuple):
    """Impressions ordered by user, then time.

    Attributes:
        user: int64 [N], index of the user.
        timestamp: int64 [N], milliseconds since 1970, rising strictly within a user.
        device: int64 [N], position in `DEVICES`.
    """

    user: np.ndarray
    timestamp: np.ndarray
    device: np.ndarray


def draw_visits(config: LogGeneratorConfig, random: np.random.Generator) -> Visits:
    """Draw `config.events` impressions in sessions."""
    span = config.days * DAY
    joined = np.where(random.random(config.users) < LATE_USERS, random.integers(0, span, config.users), 0)
    activity = random.gamma(3.0, size=config.users) * (span - joined)
    user = np.repeat(np.arange(config.users), random.multinomial(config.events, activity / activity.sum()))

    is_session_start = (random.random(config.events) < 1.0 / SESSION_EVENTS) | (np.diff(user, prepend=-1) != 0)
    session = np.cumsum(is_session_start) - 1
    session_user = user[is_session_start]
    sessions = len(session_user)
    hour = random.choice(24, sessions, p=HOUR_SHARES / HOUR_SHARES.sum())
    first_day = joined[session_user] // DAY
    day = first_day + (random.random(sessions) * (config.days - first_day)).astype(np.int64)
    start = day * DAY + hour * HOUR + random.integers(0, HOUR, sessions)
    gaps = random.exponential(GAP_MILLISECONDS, config.events).astype(np.int64)
    elapsed = np.cumsum(np.where(is_session_start, 0, gaps))
    offset = start[session] + elapsed - elapsed[is_session_start][session]

    usual = random.choice(len(DEVICES), config.users, p=DEVICE_SHARES)[session_user]
    other = random.choice(len(DEVICES), sessions, p=DEVICE_SHARES)
    device = np.where(random.random(sessions) < HABITUAL_DEVICE, usual, other)[session]

    order = np.lexsort((offset, user))
    user, offset, device = user[order], np.minimum(offset[order], span - 1), device[order]
    return Visits(user, START_MILLISECONDS + separate_impressions(user, offset, span), device)


def separate_impressions(user: np.ndarray, offset: np.ndarray, span: int) -> np.ndarray:
    """Move simultaneous impressions of one user one millisecond apart, all of them staying below `span`.

    Args:
        user: int64 [N] ascending.
        offset: int64 [N], milliseconds from the start of the log, ascending within a user.
        span: length of the log in milliseconds.
    """
    position = np.arange(len(user))
    # Keys of different users lie further apart than any two times, so that one running maximum serves all users.
    user_key = user * (2 * span)
    moved = np.maximum.accumulate(user_key + offset - position) + position - user_key
    is_last = np.diff(user, append=-1) != 0
    overflow = np.maximum(moved[is_last] - (span - 1), 0)
    if overflow.any():
        following = np.searchsorted(user, user, side="right") - 1 - position
        moved = np.minimum(moved, span - 1 - following)
    return moved
