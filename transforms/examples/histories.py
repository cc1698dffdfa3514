"""Histories of events: the newest behaviours of the same user strictly before each event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Histories:
    """The histories of N events as ranges of one list of behaviours.

    The history of event n is `behaviours[start[n]:stop[n]]`, oldest first.

    Attributes:
        behaviours: rows of the events that are behaviours, int64.
        start: int64 [N], where each history begins.
        stop: int64 [N], where each history ends.
        count: int64 [N], the number of behaviours each history would have without the maximum length.
    """

    behaviours: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    count: np.ndarray

    def select(self, events: np.ndarray) -> Histories:
        """Return the histories of these events, int64 [M]."""
        return Histories(self.behaviours, self.start[events], self.stop[events], self.count[events])

    @property
    def lengths(self) -> np.ndarray:
        """Number of behaviours in each history, int64 [N]."""
        return self.stop - self.start

    @property
    def offsets(self) -> np.ndarray:
        """Where each history begins in `flatten()`, int64 [N + 1]."""
        return np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)

    def flatten(self) -> np.ndarray:
        """Return all histories one after another, as rows of the events."""
        lengths = self.lengths
        offsets = np.cumsum(lengths) - lengths
        positions = np.arange(lengths.sum()) + np.repeat(self.start - offsets, lengths)
        return self.behaviours[positions]


def build_histories(
    user: np.ndarray, time: np.ndarray, is_behaviour: np.ndarray, max_length: int, delay: int
) -> Histories:
    """Build the histories of all events.

    Args:
        user: int [N], ascending, so that the rows of one user are together.
        time: int64 [N] microseconds, ascending within a user.
        is_behaviour: bool [N], the events that may be in a history.
        max_length: maximum length of a history; the newest behaviours are kept.
        delay: microseconds until a behaviour is known. A behaviour is in the history of an event if
            `behaviour time + delay < event time`, so nothing simultaneous is.
    """
    rows = np.flatnonzero(is_behaviour)
    stop, begin = np.zeros(len(user), np.int64), np.zeros(len(user), np.int64)
    # One key orders by user, then time, so that one search serves many users at once: as many as fit, since years in
    # microseconds times all users may exceed 64 bits.
    first = int(time.min()) if len(time) else 0
    span = int(time.max(initial=first)) - first + 2
    users = int(user.max(initial=-1)) + 1
    users_per_search = max(1, 2**62 // span)
    for lowest in range(0, users, users_per_search):
        events = slice(*np.searchsorted(user, (lowest, lowest + users_per_search)))
        behaviours = slice(*np.searchsorted(rows, (events.start, events.stop)))
        user_key = (user[events].astype(np.int64) - lowest) * span
        since = time[events] - first
        behaviour_key = (user_key + since)[rows[behaviours] - events.start]
        # Without the maximum, events in the first `delay` of a user's log would reach into the previous user's.
        stop[events] = np.searchsorted(behaviour_key, user_key + np.maximum(since - delay, 0)) + behaviours.start
        begin[events] = np.searchsorted(behaviour_key, user_key) + behaviours.start
    return Histories(rows, np.maximum(begin, stop - max_length), stop, stop - begin)
